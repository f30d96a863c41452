"""Batches (x, target) from a DataLoader, a list or any other iterable.

x is a Tensor, or a tuple, list or dict of Tensors for a net with several inputs. target is whatever
the loss accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from ..data import DataLoader, Dataset
from ..data.transfer import map_tensors
from ..nn import Module
from ..tensor import Tensor


def check_batches(name: str, batches: Iterable[Any]) -> None:
    """Raises: TypeError unless `batches` is iterable; ValueError if it has no length or is empty.

    A data set yields samples, not batches, although some data sets can be iterated over.
    """
    if isinstance(batches, Dataset | Tensor | Mapping) or not hasattr(batches, "__iter__"):
        raise TypeError(
            f"fit: {name} must be a DataLoader, got {type(batches).__name__}, which is no iterable "
            "of batches"
        )
    try:
        sized: Any = batches
        number = len(sized)
    except TypeError as error:
        raise TypeError(
            f"fit: {name} must have a length, its number of batches: {type(batches).__name__} has "
            "none"
        ) from error
    if not number:
        raise ValueError(f"fit: {name} has no batch")


def samples_of(batches: Iterable[Any]) -> int | None:
    """The number of samples in an epoch, or None if only iterating would tell."""
    if not isinstance(batches, DataLoader) or batches.batch_size is None:
        return None
    return len(batches) * batches.batch_size if batches.drop_last else len(batches.dataset)


def pairs(function: str, batches: Iterable[Any], device: str) -> Iterator[tuple]:
    """Yield the batches (x, target) on a device, with arrays converted to Tensors.

    Raises: ValueError in the name of `function` for a batch that is not a pair.
    """
    moved: Any
    if isinstance(batches, DataLoader):  # copies to a GPU while the last batch is computed
        moved = batches.batches_on(device)
    else:
        moved = (on_device(batch, device) for batch in batches)
    with closing(moved):
        for batch in moved:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise ValueError(
                    f"{function}: a batch must be a pair (x, target), got {described(batch)}"
                )
            yield tuple(map(as_tensors, batch))


def described(value: Any) -> str:
    """A description of a wrong value for an error message."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Tensor):
        return f"a Tensor of shape {value.shape}"
    return f"a {type(value).__name__}"


def on_device(batch: Any, device: str) -> Any:
    return map_tensors(as_tensors(batch), lambda t: t.to(device=device))


def as_tensors(batch: Any) -> Any:
    """Convert NumPy arrays and lists of numbers in a batch to Tensors; leave the rest unchanged."""
    if isinstance(batch, np.ndarray | np.generic) and batch.dtype.kind in "fiub":
        return Tensor(batch)
    if isinstance(batch, Mapping):
        return {key: as_tensors(part) for key, part in batch.items()}
    if isinstance(batch, list) and batch and all(isinstance(n, int | float) for n in batch):
        return Tensor(np.asarray(batch))
    if isinstance(batch, tuple | list) and not hasattr(batch, "_fields"):
        return type(batch)(as_tensors(part) for part in batch)
    return batch


def called(model: Callable[..., Any], x: Any) -> Any:
    """model(x), or model(*x) or model(**x) for a net with several inputs."""
    if isinstance(x, Mapping):
        return model(**x)
    return model(*x) if isinstance(x, tuple | list) else model(x)


def samples_in(function: str, x) -> int:
    """The number of samples in a batch.

    Raises: ValueError unless x holds Tensors with the samples along axis 0.
    """
    first = x
    while isinstance(first, tuple | list | Mapping) and first:
        first = next(iter(first.values() if isinstance(first, Mapping) else first))
    if not isinstance(first, Tensor) or not first.ndim:
        raise ValueError(
            f"{function}: x of a batch must be a Tensor with the samples along its first axis, got "
            f"{described(first)}"
        )
    return len(first)


def place_of(model: Module) -> str:
    """The device of a model: that of its first parameter, or the CPU if it has none."""
    return next((p.device for p in model.parameters()), "cpu")
