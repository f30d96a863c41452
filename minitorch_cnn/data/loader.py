"""DataLoader: batches of a data set, in a reproducible order that can resume within an epoch."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..devices import check_device
from ..kernels.cores import has_threads
from ..random import Rows, default_generator, drawing_from
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Samples
from .fetching import Job, load_here
from .randomness import check_generator, stream
from .samplers import BatchSampler, RandomSampler, SequentialSampler
from .transfer import transferred

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from .workers import Workers

KINDS = ("threads", "processes")  # of workers

# The settings that the samplers and workers of a loader depend on.
FIXED = (
    "dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "drop_last",
    "persistent_workers",
)  # fmt: skip


@dataclass
class _Position:
    """The position in an epoch: its seed (None between epochs) and the batches delivered so far."""

    seed: Any = None
    batches: int = 0


class DataLoader:
    """Iterate over `dataset` in batches: each `iter(loader)` is one epoch.

    dataset: has `__len__` and `__getitem__(index)`, or is an `IterableDataset`.
    batch_size: samples per batch; None delivers the samples one by one.
    shuffle: whether each epoch has a new random order.
    sampler: an iterable of the indices of an epoch; batch_sampler: of lists of indices.
    num_workers: 0 loads a batch on demand, as does any number in a browser, where Python cannot
        start threads; more workers load ahead of time.
    collate_fn: turns a list of samples into a batch; with batch_size=None, it converts a sample.
    pin_memory, pin_memory_device: change nothing: `batches_on` always copies to a GPU through
        page-locked memory. in_order: changes nothing: batches always come in order.
    drop_last: whether to drop an incomplete last batch.
    timeout: seconds to wait for a batch of the workers; 0 waits forever.
    worker_init_fn: each worker calls it with its number before it loads anything.
    multiprocessing_context: the start method, a name or a context of multiprocessing: None or
        "spawn" with workers="processes"; threads ignore it.
    generator: each epoch draws one seed from it; by default from the one that `manual_seed` seeds.
    prefetch_factor: batches that each worker loads ahead, 2 by default.
    persistent_workers: whether to keep the workers from one epoch to the next.
    workers: "threads" or "processes". Processes pay off if loading an epoch takes much longer than
        starting Python. The script then needs `if __name__ == "__main__":`, and the data set must
        be picklable.

    The order of the samples, and the random numbers that transforms take from `sample_generator()`,
    depend only on the epoch's seed, never on the number or kind of workers. Threads share the
    global generators of Python and NumPy; processes seed theirs for each batch, or with a
    worker_init_fn once, before the call. The loader raises an error of a worker when the batch is
    due, with the original traceback and the sample's index in a note. Workers end with the loop,
    unless they are persistent. Every worker iterates over an `IterableDataset`, with its own stream
    of random numbers; `get_worker_info()` tells the data set which part to yield.

    `state_dict()` gives the position in the current epoch, by the batches delivered (not those
    loaded ahead). After `load_state_dict` the next `iter(loader)` continues there, without loading
    the earlier samples (those of an `IterableDataset` are loaded and skipped).

    Raises: ValueError for settings out of range or that exclude each other; while loading,
    RuntimeError if a worker dies or times out, and errors of the data set.
    """

    def __init__(
        self,
        dataset: Samples,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[..., Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: np.random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        workers: Literal["threads", "processes"] = "threads",
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = bool(shuffle)
        self.sampler: Any = sampler
        self.batch_sampler: Any = batch_sampler
        self.num_workers = num_workers
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.in_order = in_order
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.workers = workers
        self._iterable = isinstance(dataset, IterableDataset)
        self._check(multiprocessing_context)
        if batch_sampler is not None:
            self.batch_size = None
        elif not self._iterable:
            if sampler is None:
                self.sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
            if batch_size is not None:
                self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self._batched = batch_size is not None or batch_sampler is not None
        if collate_fn is None:
            collate_fn = default_collate if self._batched else default_convert
        self.collate_fn = collate_fn
        self._kept: Workers | None = None
        self._position = _Position()
        self._resume = False
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in FIXED and hasattr(self, "_made"):
            raise ValueError(f"DataLoader: {name} cannot be changed; create another loader")
        super().__setattr__(name, value)

    def _check(self, multiprocessing_context: Any) -> None:
        """Raises: ValueError for settings out of range or that exclude each other."""
        for name, value, least in (
            ("batch_size", self.batch_size, 1),
            ("num_workers", self.num_workers, 0),
            ("prefetch_factor", self.prefetch_factor, 1),
        ):
            if value is None and name != "num_workers":
                continue
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"DataLoader: {name}={value!r} must be an integer >= {least}")
        if self.workers not in KINDS:
            raise ValueError(f"DataLoader: workers={self.workers!r} must be one of {list(KINDS)}")
        self._check_context(multiprocessing_context)
        check_generator("DataLoader", self.generator)
        if not self.timeout >= 0:
            raise ValueError(f"DataLoader: timeout={self.timeout!r} must be at least 0")
        for name in ("prefetch_factor", "timeout", "persistent_workers"):
            if getattr(self, name) and self.num_workers == 0:
                raise ValueError(
                    f"DataLoader: {name}={getattr(self, name)!r} needs num_workers > 0"
                )
        given = {
            "shuffle": self.shuffle,
            "sampler": self.sampler is not None,
            "batch_sampler": self.batch_sampler is not None,
            "drop_last": self.drop_last,
            "batch_size": self.batch_size != 1,
        }
        self._exclude("batch_sampler", given, "batch_size", "shuffle", "sampler", "drop_last")
        self._exclude("sampler", given, "shuffle")
        if self._iterable:
            given["dataset"] = True
            self._exclude("dataset", given, "shuffle", "sampler", "batch_sampler")
        if self.batch_size is None and self.drop_last:
            raise ValueError("DataLoader: drop_last=True needs a batch_size")

    def _check_context(self, context: str | BaseContext | None) -> None:
        if context is None:
            return
        from multiprocessing import get_all_start_methods

        name = context if isinstance(context, str) else getattr(context, "_name", None)
        if name not in get_all_start_methods():
            raise ValueError(
                f"DataLoader: multiprocessing_context={context!r} must be one of "
                f"{', '.join(get_all_start_methods())}, or a context of multiprocessing"
            )
        if self.workers == "processes" and name != "spawn":
            raise ValueError(
                f"DataLoader: multiprocessing_context={context!r} must be 'spawn' with "
                "workers='processes': a forked process inherits locks that nobody releases"
            )

    def _exclude(self, this: str, given: dict[str, Any], *others: str) -> None:
        what = "an IterableDataset" if this == "dataset" else this
        for other in others:
            if given[this] and given[other]:
                raise ValueError(f"DataLoader: {what} and {other} exclude each other")

    def __len__(self) -> int:
        """Batches per epoch. Raises: TypeError if the data set or the sampler has no length."""
        if not self._iterable:
            return len(self.batch_sampler if self._batched else self.sampler)
        size = len(self.dataset)
        if not self._batched:
            return size
        full, rest = divmod(size, self.batch_size or 1)
        return full + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[Any]:
        return self.batches_on("cpu")

    def batches_on(self, device: str) -> Iterator[Any]:
        """An epoch as from `iter(loader)`, with Tensors on `device`; see transfer.py.

        Raises: ValueError for an unknown device, RuntimeError for a missing one.
        """
        device = check_device(device, "batches_on")
        return self._epoch(self._begin(), device, None)

    def rows_on(self, device: str, rank: int, size: int) -> Iterator[tuple[Any, Rows]]:
        """As `batches_on`, but only the rows of one of `size` ranks are loaded: (batch, its Rows).

        Samples and their random numbers are those of the whole batch. A rank without rows in a
        small batch loads its first sample, to be cut off.

        Raises: ValueError for an `IterableDataset` or a loader without batches.
        """
        if not self.divisible:
            raise ValueError("rows_on: the loader must have batches of samples with an index")
        return self._epoch(self._begin(), check_device(device, "rows_on"), (rank, size))

    @property
    def divisible(self) -> bool:
        """Whether `rows_on` can load parts of batches: there are batches, of samples by index."""
        return self._batched and not self._iterable

    def _begin(self) -> _Position:
        if self._resume:
            self._resume = False
        else:
            generator = default_generator() if self.generator is None else self.generator
            self._position = _Position(int(generator.integers(2**63)))
        return self._position

    def _epoch(
        self, position: _Position, device: str, part: tuple[int, int] | None
    ) -> Iterator[Any]:
        places: deque[Rows] = deque()  # of the batches in flight
        with closing(self._load(position, part, places)) as batches:
            for batch in transferred(batches, device):
                position.batches += 1
                yield batch if part is None else (batch, places.popleft())
        position.seed, position.batches = None, 0

    def _load(
        self, position: _Position, part: tuple[int, int] | None, places: deque[Rows]
    ) -> Generator[Any, None, None]:
        batches = self._ahead(position.seed, self._tasks(position, part, places))
        return _skipped(batches, position.batches) if self._iterable else batches

    def _tasks(
        self, position: _Position, part: tuple[int, int] | None, places: deque[Rows]
    ) -> Iterator[tuple[int, object]]:
        """(Position of the first sample, what to load) for each remaining batch."""
        if self._iterable:
            for first in count(0, self.batch_size or 1):
                yield first, self.batch_size
        # The samplers draw from the epoch's stream, even if other code draws random numbers
        # between two of their indices.
        epoch = stream(position.seed)
        with drawing_from(lambda: epoch):
            wanted = iter(self.batch_sampler if self._batched else self.sampler)
        first = 0
        for batch in count():
            with drawing_from(lambda: epoch):
                indices = next(wanted, None)
            if indices is None:
                return
            indices = list(indices) if self._batched else indices
            if batch >= position.batches and part is None:
                yield first, indices
            elif batch >= position.batches and part is not None:
                rank, size = part
                rows = Rows.of_rank(rank, size, len(indices))
                places.append(rows)
                own = indices[rows.first : rows.first + rows.count] or indices[:1]
                yield first + rows.first, own
            first += len(indices) if self._batched else 1

    def _ahead(self, seed: int, tasks: Iterator[Any]) -> Generator[Any, None, None]:
        job = Job(
            self.dataset,
            self.collate_fn,
            self.worker_init_fn,
            self.num_workers,
            self._iterable,
            self.drop_last,
        )
        if self.num_workers == 0 or not has_threads():
            return load_here(job, seed, tasks)
        ahead = self.num_workers * (self.prefetch_factor or 2)
        workers = self._workers(job)
        return workers.load(seed, tasks, ahead, self.timeout, keep=workers is self._kept)

    def _workers(self, job: Job) -> Workers:
        """New workers, or persistent ones that are not busy with another epoch."""
        kept = self._kept
        if kept is not None and kept.executors and not kept.busy:
            return kept
        from .workers import Workers

        workers = Workers(job, self.workers)
        if self.persistent_workers and (kept is None or not kept.executors):
            self._kept = workers
            weakref.finalize(self, workers.close)
        return workers

    def _settings(self) -> dict[str, Any]:
        try:
            size = len(self.dataset)
        except (TypeError, NotImplementedError):
            size = None
        return {
            "samples": size,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
        }

    def state_dict(self) -> dict[str, Any]:
        """The position in the latest epoch, and the settings that must match to resume; ready for
        JSON.

        "seed": the epoch's (None between epochs); "batches": delivered so far. It contains the
        state of a `generator` that was passed in, but not of the default generator.

        Raises: ValueError within an epoch whose sampler draws from its own generator, since such an
        epoch cannot resume.
        """
        for sampler in (
            self.sampler,
            self.batch_sampler,
            getattr(self.batch_sampler, "sampler", 0),
        ):
            if self._position.seed is not None and getattr(sampler, "generator", None) is not None:
                raise ValueError(
                    f"state_dict: the loader's {type(sampler).__name__} must draw from the epoch's "
                    "stream to resume within it: leave out its generator"
                )
        state = {**self._settings(), "seed": self._position.seed, "batches": self._position.batches}
        if self.generator is not None:
            state["generator"] = self.generator.bit_generator.state
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume in the next epoch from the position where `state_dict()` was called.

        Raises: ValueError if `state` comes from a loader with another data set size, batch size,
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


def _skipped(batches: Generator[Any, None, None], number: int) -> Generator[Any, None, None]:
    """The batches after the first `number`."""
    with closing(batches):
        yield from islice(batches, number, None)
