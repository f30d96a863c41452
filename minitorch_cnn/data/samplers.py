"""Samplers: in which order, and how often, an epoch takes the samples of a data set.

A sampler without a generator of its own draws from `sample_generator()`, which within a
`DataLoader` is a stream of the epoch: the order then depends on the epoch's seed alone, so that the
loader can go on within it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

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

    num_samples: how many are drawn, by default as many as there are; above that number each is
    drawn once before one is drawn again. replacement: every draw is from all.

    Raises TypeError if replacement is no bool, ValueError if num_samples is no integer above 0.
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
    """`num_samples` draws of indices 0..len(weights) - 1, index i with chance weights[i] / sum.

    replacement: whether an index can be drawn again; else the chances of the others grow.

    Raises TypeError if replacement is no bool; ValueError if num_samples is no integer above 0,
    weights are not one row of finite numbers >= 0 with one above, or, without replacement, fewer
    than num_samples of them are above 0.
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
            raise ValueError(f"{name}: weights must be finite numbers >= 0, and one above 0")
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
    """Lists of `batch_size` indices from `sampler`, the last one shorter, or left out if drop_last.

    Raises ValueError if batch_size is no integer above 0 or drop_last no bool.
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
        sampler: Any = self.sampler  # TypeError for one without a length
        full, rest = divmod(len(sampler), self.batch_size)
        return full + (1 if rest and not self.drop_last else 0)


def _at_least_one(name: str, argument: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {argument}={value!r} must be an integer >= 1")


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th of the indices from `rank` on, in a random order of each epoch.

    num_replicas and rank, where PyTorch asks its processes: 1 and 0 by default. shuffle: whether
    the order is random, from `seed` and the epoch that `set_epoch` says. drop_last: whether as many
    are left out as the others have fewer, where else the first are taken twice.

    Raises ValueError for a rank that is not below num_replicas.
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
        self.num_replicas = 1 if num_replicas is None else num_replicas
        self.rank = 0 if rank is None else rank
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
        """Say which epoch the next order is of."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        order = np.resize(order, self.total_size)  # cut, or begun again
        return iter(order[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples
