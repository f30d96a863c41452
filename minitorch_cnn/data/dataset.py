"""Data sets: objects with a length and an item for each index, and combinations of them."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from ..random import default_generator
from .randomness import check_generator

T = TypeVar("T", covariant=True)  # of a sample


class Samples(Protocol):
    """The protocol of a data set: a length, and a sample for each index below it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Dataset(Generic[T]):
    """Base class of data sets: a subclass defines `__len__` and `__getitem__(index)`.

    A sample is what `__getitem__` returns: usually a pair (image, label).
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: __len__ is not defined")

    def __getitem__(self, index: int) -> T:
        raise NotImplementedError(f"{type(self).__name__}: __getitem__ is not defined")

    def __add__(self, other: Samples) -> ConcatDataset:
        """The samples of this data set, followed by those of `other`."""
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T]):
    """Base class of data sets that are read sequentially; a subclass defines `__iter__`.

    A subclass of known length also defines `__len__`. Each worker of a `DataLoader` iterates over
    the whole data set. To avoid duplicates, `__iter__` asks `get_worker_info()` and yields only the
    worker's part.
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__}: __iter__ is not defined")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__}: has no length")

    def __add__(self, other: Any) -> ChainDataset:
        """The samples of this data set, followed by those of `other`."""
        return ChainDataset([self, other])


class TensorDataset(Dataset[Any]):
    """Tensors or arrays of the same length: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Raises: ValueError for no tensors, 0-d tensors, or different lengths.
    """

    def __init__(self, *tensors: Any):
        if not tensors:
            raise ValueError("TensorDataset: at least one tensor is needed")
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"TensorDataset: shapes {shapes} must have the same first size")
        self.tensors = tensors

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(tensor[index] for tensor in self.tensors)


class Subset(Dataset[Any]):
    """The samples of `dataset` at `indices`, in that order.

    A list as an index is passed on to the data set, which must accept lists.
    """

    def __init__(self, dataset: Samples, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int | list[int]) -> Any:
        if isinstance(index, list):
            several: Any = self.dataset  # it may accept lists
            return several[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]


class ConcatDataset(Dataset[Any]):
    """The concatenation of several data sets.

    Attributes: datasets, cumulative_sizes.

    Raises: ValueError for no data sets, TypeError for an `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Samples]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: at least one data set is needed")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ConcatDataset: {type(dataset).__name__} is an IterableDataset; use "
                    "ChainDataset for it"
                )
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"ConcatDataset: index {index} of {len(self)} samples")
        place %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, place)
        return self.datasets[which][place - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset[Any]):
    """The concatenation of several `IterableDataset`s.

    Raises: TypeError for another kind of data set.
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ChainDataset: {type(dataset).__name__} must be an IterableDataset"
                )

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)


def random_split(
    dataset: Samples, lengths: Sequence[int | float], generator: np.random.Generator | None = None
) -> list[Subset]:
    """Split `dataset` randomly into disjoint parts.

    `lengths` are numbers of samples that sum to `len(dataset)`, or fractions that sum to 1. Of a
    fraction each part gets the floor, and the remaining samples are distributed in turn.
    `generator` defaults to the one that `manual_seed` seeds.

    Raises: ValueError for a negative length or a wrong sum.
    """
    size = len(dataset)
    counts = _counts_of_fractions(lengths, size) if _are_fractions(lengths) else list(lengths)
    if sum(counts) != size or any(count < 0 or count != int(count) for count in counts):
        raise ValueError(
            f"random_split: lengths={list(lengths)} must add up to the {size} samples, or to 1"
        )
    check_generator("random_split", generator)
    generator = default_generator() if generator is None else generator
    order = generator.permutation(size).tolist()
    ends = itertools.accumulate(map(int, counts), initial=0)
    return [Subset(dataset, order[start:end]) for start, end in itertools.pairwise(ends)]


def _are_fractions(lengths: Sequence[float]) -> bool:
    return math.isclose(sum(lengths), 1) and all(0 <= length <= 1 for length in lengths)


def _counts_of_fractions(fractions: Sequence[float], size: int) -> list[int]:
    counts = [math.floor(size * fraction) for fraction in fractions]
    for i in range(size - sum(counts)):
        counts[i % len(counts)] += 1
    return counts
