"""What a worker does: it loads the samples of a batch and puts them together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..random import drawing_from, manual_seed
from .randomness import SampleStreams, stream


@dataclass
class Job:
    """What all workers of a loader have to know, in a form that can be sent to a process.

    iterable: whether the data set is iterated over. A task then asks for a number of samples, or
    with None for a single one; else for a list of indices, or a single one.
    """

    dataset: Any
    collate_fn: Callable
    worker_init_fn: Callable[[int], None] | None
    num_workers: int
    iterable: bool
    drop_last: bool


@dataclass
class WorkerInfo:
    """A worker of a `DataLoader`: one of `num_workers`, 0 <= id < num_workers.

    seed: the epoch's and the worker's; dataset: the worker's copy, which threads share.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_here = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The worker that loads the present sample; None in a loader without workers, and elsewhere.

    An `IterableDataset` asks for it in `__iter__`, to yield each worker a part of its samples.
    """
    return getattr(_here, "info", None)


class _End:
    """Given for a batch when a data set that is iterated over has no more; there is one only."""

    def __reduce__(self) -> str:
        return "END"


END = _End()


class Fetcher:
    """Loads batches as one worker, or (worker None) in the thread of the loader itself."""

    def __init__(self, job: Job, stop: Any, worker: int | None = None, own_process: bool = False):
        self.job, self.stop, self.worker = job, stop, worker
        self.own_process = own_process
        self.started, self.epoch = False, None
        self.samples: Iterator = iter(())
        self.generator: Any = None  # of the samples of a data set that is iterated over

    def __call__(self, epoch: int, seed: int, task: Any) -> Any:
        """The batch of `task`: (position of its first sample in the epoch, what to load)."""
        first, wanted = task
        if self.own_process and self.job.worker_init_fn is None:
            seed_globals(seed, first)
        if self.epoch != epoch:
            self.begin(seed)
            self.epoch = epoch
        if self.job.iterable:
            return self.from_iterator(wanted)
        if isinstance(wanted, list):
            samples = self.from_indices(wanted, seed, first)
            return None if self.stop.is_set() else self.job.collate_fn(samples)
        return self.job.collate_fn(self.from_indices([wanted], seed, first)[0])

    def begin(self, seed: int) -> None:
        """Begin an epoch; a worker that has loaded nothing yet begins itself."""
        job = self.job
        if self.worker is not None:
            _here.info = WorkerInfo(self.worker, job.num_workers, seed + self.worker, job.dataset)
            if not self.started and job.worker_init_fn is not None:
                if self.own_process:
                    seed_globals(seed, self.worker)
                job.worker_init_fn(self.worker)
        self.started = True
        if job.iterable:
            # One stream for all samples of the worker: how many it loads, it alone knows.
            self.generator = stream(seed, 0, self.worker or 0)
            with drawing_from(lambda: self.generator):
                self.samples = iter(job.dataset)

    def from_indices(self, indices: list, seed: int, first: int) -> list:
        """The samples, each with its own stream; fewer if nobody wants them any more."""
        samples: list = []
        streams = SampleStreams(seed)
        index = None
        try:
            with drawing_from(streams):
                for position, index in enumerate(indices, first):
                    if self.stop.is_set() and samples:
                        break
                    streams.go_to(position)
                    samples.append(self.job.dataset[index])
        except StopIteration as error:  # would end the epoch without a word
            raise RuntimeError(f"DataLoader: sample {index!r} raised StopIteration") from error
        except Exception as error:
            if hasattr(error, "add_note"):  # since Python 3.11
                worker = "" if self.worker is None else f" in worker {self.worker}"
                error.add_note(f"DataLoader: this was sample {index!r}, loaded{worker}")
            raise
        return samples

    def from_iterator(self, wanted: int | None) -> Any:
        count = 1 if wanted is None else wanted
        with drawing_from(lambda: self.generator):
            samples = list(islice(self.samples, count))
        if not samples or (self.job.drop_last and len(samples) < count):
            return END
        return self.job.collate_fn(samples[0] if wanted is None else samples)


def seed_globals(seed: int, first: int) -> None:
    """Seed what a data set may draw from beside `sample_generator()`, in a process of its own."""
    import random

    words = np.random.SeedSequence(seed, spawn_key=(first, 0)).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(words[1:3])
    manual_seed(int(words[3]))
