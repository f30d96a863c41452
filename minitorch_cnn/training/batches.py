"""Batches (x, target) of any kind: from a DataLoader, a list, or an iterable of one's own.

x is a Tensor, or a tuple or list of the inputs of a net that takes several, or a dict of them by
name. target is anything that the loss takes.
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
    """Raises: TypeError for what is no iterable of batches with a length; ValueError without one.

    A data set has samples, not batches, though some can be iterated over.
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
    """How many samples an epoch has, None where only going through it would tell."""
    if not isinstance(batches, DataLoader) or batches.batch_size is None:
        return None
    return len(batches) * batches.batch_size if batches.drop_last else len(batches.dataset)


def pairs(function: str, batches: Iterable[Any], device: str) -> Iterator[tuple]:
    """The batches (x, target) with all that they hold on a device, arrays as Tensors.

    Raises: ValueError in the name of `function` for a batch of another form.
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
    """What a thing is that is not what it must be."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, Tensor):
        return f"a Tensor of shape {value.shape}"
    return f"a {type(value).__name__}"


def on_device(batch: Any, device: str) -> Any:
    return map_tensors(as_tensors(batch), lambda t: t.to(device=device))


def as_tensors(batch: Any) -> Any:
    """NumPy's arrays and lists of numbers in a batch as Tensors, all else as it is."""
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
    """model(x), or model(*x), model(**x) of a net with several inputs."""
    if isinstance(x, Mapping):
        return model(**x)
    return model(*x) if isinstance(x, tuple | list) else model(x)


def samples_in(function: str, x) -> int:
    """How many samples a batch has; ValueError if its x is no Tensors with samples along axis 0."""
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
    """The device of a model: that of its first parameter, the CPU if it has none."""
    return next((p.device for p in model.parameters()), "cpu")
