"""Data sets: anything with a length and an item for every index below it, and parts of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ..backend import default_generator


class Dataset:
    """Base class of data sets: a subclass defines `__len__` and `__getitem__(index)`.

    A sample is what `__getitem__` returns: usually a pair (image, label).
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: __len__ is not defined")

    def __getitem__(self, index: int):
        raise NotImplementedError(f"{type(self).__name__}: __getitem__ is not defined")


class TensorDataset(Dataset):
    """Tensors or arrays of the same first size: sample i is `(tensors[0][i], tensors[1][i], ...)`.

    Raises ValueError if the tensors are none, 0-dimensional, or of different first sizes.
    """

    def __init__(self, *tensors):
        if not tensors:
            raise ValueError("TensorDataset: at least one tensor is needed")
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(f"TensorDataset: shapes {shapes} must have the same first size")
        self.tensors = tensors

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index) -> tuple:
        return tuple(tensor[index] for tensor in self.tensors)


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order."""

    def __init__(self, dataset, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int):
        return self.dataset[self.indices[index]]


def random_split(
    dataset, lengths: Sequence[int | float], generator: np.random.Generator | None = None
) -> list[Subset]:
    """Split `dataset` at random into parts that do not overlap.

    `lengths` are numbers of samples that add up to `len(dataset)`, or fractions that add up to 1:
    each part then gets the floor of its share, and the samples left over go to the parts in turn.
    `generator` is drawn from; by default the one that `manual_seed` seeds.

    Raises ValueError if the lengths do not add up or one of them is negative.
    """
    size = len(dataset)
    counts = _counts_of_fractions(lengths, size) if _are_fractions(lengths) else list(lengths)
    if sum(counts) != size or any(count < 0 or count != int(count) for count in counts):
        raise ValueError(
            f"random_split: lengths={list(lengths)} must add up to the {size} samples, or to 1"
        )
    generator = default_generator() if generator is None else generator
    order = generator.permutation(size).tolist()
    ends = itertools.accumulate(map(int, counts), initial=0)
    return [Subset(dataset, order[start:end]) for start, end in itertools.pairwise(ends)]


def _are_fractions(lengths) -> bool:
    return math.isclose(sum(lengths), 1) and all(0 <= length <= 1 for length in lengths)


def _counts_of_fractions(fractions, size: int) -> list[int]:
    counts = [math.floor(size * fraction) for fraction in fractions]
    for i in range(size - sum(counts)):
        counts[i % len(counts)] += 1
    return counts
