"""DataLoader: the batches of a data set, in an order that repeats and resumes within an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ..backend import default_generator
from ..devices import check_device
from .collate import default_collate
from .randomness import stream
from .transfer import transferred
from .workers import load_here, load_in_processes, load_in_threads

WORKERS = {"threads": load_in_threads, "processes": load_in_processes}


@dataclass
class _Position:
    """Where an epoch is: its seed (None between two epochs) and the batches handed out so far."""

    seed: int | None = None
    batches: int = 0


class DataLoader:
    """Iterate over `dataset` in batches: each `iter(loader)` is one epoch.

    dataset: has `__len__` and `__getitem__(index)`.
    batch_size: samples per batch.
    shuffle: whether each epoch has a new random order.
    num_workers: 0 loads a batch when it is asked for; more load ahead of time.
    workers: "threads", or "processes", which are started anew for each epoch: worth it where
        loading an epoch takes much longer than starting Python. The script then needs
        `if __name__ == "__main__":`, and the data set must be one that can be pickled.
    prefetch_factor: batches loaded ahead by each worker.
    collate_fn: makes a batch of a list of samples.
    drop_last: whether to leave out a last batch that is not full.
    generator: each epoch draws one seed from it; by default from the one that `manual_seed` seeds.

    The order of the samples, and the random numbers that transforms take from `sample_generator()`,
    depend on the epoch's seed alone, never on the number or kind of workers. An error in a worker
    is raised here with its original traceback, when its batch is due. Workers end with the loop,
    however it ends.

    `state_dict()` says where the current epoch is, by the batches handed out (not those loaded
    ahead); after `load_state_dict` the next `iter(loader)` goes on from there, without loading what
    came before.

    Raises ValueError for a setting out of range.
    """

    def __init__(
        self,
        dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        num_workers: int = 0,
        workers: str = "threads",
        prefetch_factor: int = 2,
        collate_fn: Callable = default_collate,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ):
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("prefetch_factor", prefetch_factor, 1),
        ):
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"DataLoader: {name}={value!r} must be an integer >= {least}")
        if workers not in WORKERS:
            raise ValueError(f"DataLoader: workers={workers!r} must be one of {list(WORKERS)}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.num_workers = num_workers
        self.workers = workers
        self.prefetch_factor = prefetch_factor
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.generator = generator
        self._position = _Position()
        self._resume = False

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator:
        return self.batches_on("cpu")

    def batches_on(self, device: str) -> Iterator:
        """An epoch as `iter(loader)` gives it, its Tensors on `device`; see transfer.py.

        Raises ValueError for an unknown device, RuntimeError for one that is missing.
        """
        device = check_device(device, "batches_on")
        if self._resume:
            self._resume = False
        else:
            generator = default_generator() if self.generator is None else self.generator
            self._position = _Position(int(generator.integers(2**63)))
        return self._epoch(self._position, device)

    def _epoch(self, position: _Position, device: str) -> Iterator:
        with closing(self._load(position.seed, self._tasks(position))) as batches:
            for batch in transferred(batches, device):
                position.batches += 1
                yield batch
        position.seed, position.batches = None, 0

    def _tasks(self, position: _Position) -> Iterator[tuple[int, list[int]]]:
        """(Position of the first sample, indices of the samples) of each batch still to come."""
        size = len(self.dataset)
        order = stream(position.seed).permutation(size) if self.shuffle else np.arange(size)
        for batch in range(position.batches, len(self)):
            first = batch * self.batch_size
            yield first, order[first : first + self.batch_size].tolist()

    def _load(self, seed: int, tasks: Iterator) -> Iterator:
        if self.num_workers == 0:
            return load_here(self.dataset, self.collate_fn, seed, tasks)
        ahead = self.num_workers * self.prefetch_factor
        load = WORKERS[self.workers]
        return load(self.dataset, self.collate_fn, seed, tasks, self.num_workers, ahead)

    def _settings(self) -> dict:
        return {
            "samples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def state_dict(self) -> dict:
        """The place in the latest epoch, and what has to agree to go on from it; JSON can hold it.

        "seed": the epoch's (None between two epochs); "batches": handed out so far. The state of a
        `generator` that was passed in is part of it; that of the default generator is not.
        """
        state = {**self._settings(), "seed": self._position.seed, "batches": self._position.batches}
        if self.generator is not None:
            state["generator"] = self.generator.bit_generator.state
        return state

    def load_state_dict(self, state: dict) -> None:
        """Let the next epoch go on from where `state_dict()` was called.

        Raises ValueError if `state` comes from a loader with another data set size, batch size,
        shuffle or drop_last.
        """
        for name, value in self._settings().items():
            if state[name] != value:
                raise ValueError(
                    f"load_state_dict: {name}={state[name]} in the state must equal this loader's "
                    f"{name}={value}"
                )
        if self.generator is not None:
            self.generator.bit_generator.state = state["generator"]
        self._position = _Position(state["seed"], state["batches"])
        self._resume = state["seed"] is not None
