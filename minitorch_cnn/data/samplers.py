"""Samplers: the order and the frequency of the samples in an epoch.

A sampler without its own generator draws from `sample_generator()`, which within a `DataLoader` is
a stream of the epoch. The order then depends only on the epoch's seed, so the loader can resume
within an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from ..distributed.group import current_or_none
from .randomness import check_generator, sample_generator

T = TypeVar("T", covariant=True)  # of an index


class Sampler(Generic[T]):
    """Base class of samplers: a subclass defines `__iter__`, over indices, and `__len__`."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__}: __iter__ is not defined")


class SequentialSampler(Sampler[int]):
    """The indices of `data_source` in order."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices of `data_source` in random order.

    num_samples: the number of draws, by default the size of the data set; beyond it, every sample
    is drawn once before any is drawn again. replacement: whether each draw is from all samples.

    Raises: TypeError unless replacement is a bool, ValueError unless num_samples is an integer >=
    1.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: np.random.Generator | None = None,
    ):
        if not isinstance(replacement, bool):
            raise TypeError(f"RandomSampler: replacement={replacement!r} must be a bool")
        if num_samples is not None:
            _at_least_one("RandomSampler", "num_samples", num_samples)
        check_generator("RandomSampler", generator)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = sample_generator() if self.generator is None else self.generator
        size, wanted = len(self.data_source), self.num_samples
        if size == 0 and wanted:
            raise ValueError(f"RandomSampler: num_samples={wanted} of an empty data_source")
        if self.replacement:
            yield from generator.integers(size, size=wanted).tolist() if wanted else ()
            return
        while wanted > 0:
            yield from generator.permutation(size)[:wanted].tolist()
            wanted -= size

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given `indices`, each once, in random order."""

    def __init__(self, indices: Sequence[int], generator: np.random.Generator | None = None):
        check_generator("SubsetRandomSampler", generator)
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = sample_generator() if self.generator is None else self.generator
        for place in generator.permutation(len(self.indices)).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` draws of indices 0..len(weights) - 1, i with probability weights[i] / sum.

    replacement: whether an index can be drawn again; if not, the other probabilities grow.

    Raises: TypeError unless replacement is a bool; ValueError unless num_samples is an integer >= 1
    and weights are one row of finite numbers >= 0, of which at least one, and without replacement
    at least num_samples, are above 0.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: np.random.Generator | None = None,
    ):
        name = "WeightedRandomSampler"
        if not isinstance(replacement, bool):
            raise TypeError(f"{name}: replacement={replacement!r} must be a bool")
        _at_least_one(name, "num_samples", num_samples)
        given: Any = weights
        given = given.numpy() if hasattr(given, "numpy") else given
        self.weights = np.array(given, dtype=np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"{name}: weights must be one row, got shape {self.weights.shape}")
        fit = np.isfinite(self.weights).all() and (self.weights >= 0).all()
        if not (fit and self.weights.any()):
            raise ValueError(f"{name}: weights must be finite numbers >= 0, at least one above 0")
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ValueError(
                f"{name}: num_samples={num_samples} without replacement must be at most the "
                f"{np.count_nonzero(self.weights)} weights above 0"
            )
        check_generator(name, generator)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = sample_generator() if self.generator is None else self.generator
        chances = self.weights / self.weights.sum()
        draws = generator.choice(len(chances), self.num_samples, self.replacement, chances)
        yield from draws.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices from `sampler`; drop_last drops a last list that is shorter.

    Raises: ValueError unless batch_size is an integer >= 1 and drop_last a bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        _at_least_one("BatchSampler", "batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"BatchSampler: drop_last={drop_last!r} must be a bool")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        sampler: Any = self.sampler  # len raises TypeError if it has no length
        full, rest = divmod(len(sampler), self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)


def _at_least_one(name: str, argument: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {argument}={value!r} must be an integer >= 1")


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index from `rank` on, in a random order for each epoch.

    num_replicas and rank default to the world size and the rank, or 1 and 0 without a process group
    (for which PyTorch raises). shuffle: whether the
    order is random, from `seed` and the epoch given to `set_epoch`. drop_last: whether to drop the
    last indices for equal parts; otherwise the first ones are repeated.

    Raises: ValueError unless rank is below num_replicas.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        self.dataset, self.shuffle, self.seed, self.drop_last = dataset, shuffle, seed, drop_last
        group = current_or_none()
        size, number = (1, 0) if group is None else (group.size, group.rank)
        self.num_replicas = size if num_replicas is None else num_replicas
        self.rank = number if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(
                f"DistributedSampler: rank={rank} must be in 0..{self.num_replicas - 1}"
            )
        self.epoch = 0
        size = len(dataset)
        rest = size if drop_last else size + self.num_replicas - 1
        self.num_samples = rest // self.num_replicas
        self.total_size = self.num_samples * self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next order."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        order = np.resize(order, self.total_size)  # truncate, or repeat from the start
        return iter(order[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples
