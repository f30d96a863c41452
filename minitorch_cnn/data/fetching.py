"""The task of a worker: load the samples of a batch and collate them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..random import drawing_from, manual_seed
from .randomness import SampleStreams, stream


@dataclass
class Job:
    """The settings of a loader's workers, in a form that can be sent to a process.

    iterable: whether the data set is an `IterableDataset`. A task is then a number of samples, or
    None for a single sample; otherwise it is a list of indices, or a single index.
    """

    dataset: Any
    collate_fn: Callable
    worker_init_fn: Callable[[int], None] | None
    num_workers: int
    iterable: bool
    drop_last: bool


@dataclass
class WorkerInfo:
    """A worker of a `DataLoader`: number `id` of `num_workers`, counted from 0.

    seed: from the epoch and the worker; dataset: the process's copy, or the one that threads share.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_here = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """The worker that loads the current sample, or None outside a worker.

    An `IterableDataset` calls it in `__iter__`, to yield only the worker's part of the samples.
    """
    return getattr(_here, "info", None)


class _End:
    """The type of END, the batch that marks the end of an `IterableDataset`."""

    def __reduce__(self) -> str:
        return "END"


END = _End()


class Fetcher:
    """Loads batches as one worker, or with worker=None in the loader's own thread."""

    def __init__(self, job: Job, stop: Any, worker: int | None = None, own_process: bool = False):
        self.job, self.stop, self.worker = job, stop, worker
        self.own_process = own_process
        self.started, self.epoch = False, None
        self.samples: Iterator = iter(())
        self.generator: Any = None  # of the samples of an IterableDataset

    def __call__(self, epoch: int, seed: int, task: Any) -> Any:
        """The batch of `task`, a pair (position of its first sample in the epoch, what to load)."""
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
        """Begin an epoch; the first time, also initialise the worker."""
        job = self.job
        if self.worker is not None:
            _here.info = WorkerInfo(self.worker, job.num_workers, seed + self.worker, job.dataset)
            if not self.started and job.worker_init_fn is not None:
                if self.own_process:
                    seed_globals(seed, self.worker)
                job.worker_init_fn(self.worker)
        self.started = True
        if job.iterable:
            # One stream for all samples of the worker: nobody else knows how many it loads.
            self.generator = stream(seed, 0, self.worker or 0)
            with drawing_from(lambda: self.generator):
                self.samples = iter(job.dataset)

    def from_indices(self, indices: list, seed: int, first: int) -> list:
        """The samples, each with its own stream; fewer if loading is cancelled."""
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
        except StopIteration as error:  # it would end the epoch silently
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


def load_here(job: Job, seed: int, tasks: Iterator[Any]) -> Generator[Any, None, None]:
    """The batches of `tasks`, each loaded on demand."""
    fetch = Fetcher(job, threading.Event())
    for task in tasks:
        batch = fetch(0, seed, task)
        if batch is END:
            return
        yield batch


def seed_globals(seed: int, first: int) -> None:
    """Seed the global generators of a worker process that a data set may use besides
    `sample_generator()`."""
    import random

    words = np.random.SeedSequence(seed, spawn_key=(first, 0)).generate_state(4)
    random.seed(int(words[0]))
    np.random.seed(words[1:3])
    manual_seed(int(words[3]))
