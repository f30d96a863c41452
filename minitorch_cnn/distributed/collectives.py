"""Collectives on tensors of any dtype, contiguous or not, and on Python objects.

Before data are sent, the ranks compare their calls: one that makes another call, or that passes
another shape or dtype, is an error on all ranks.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor.tensor import Tensor
from . import waiting
from .group import Group, current


class ReduceOp:
    """The reductions by PyTorch's names; each is the text that `all_reduce` takes."""

    SUM, AVG, MAX, MIN, PRODUCT = "sum", "mean", "max", "min", "product"


OPS = (ReduceOp.SUM, ReduceOp.AVG, ReduceOp.MAX, ReduceOp.MIN, ReduceOp.PRODUCT)


def all_reduce(tensor: Tensor, op: str = "sum") -> None:
    """Reduce a tensor in place over all ranks, element by element.

    op: "sum", "mean", "max", "min" or "product" (see ReduceOp). The sum of booleans is "or".

    Raises: TypeError unless tensor is a Tensor; ValueError for another op, or a mean of integers;
    RuntimeError without a process group, or if the ranks differ in shape, dtype or op.
    """
    group = _checked("all_reduce", tensor)
    if op not in OPS:
        raise ValueError(f"all_reduce: op={op!r} must be one of {', '.join(OPS)}")
    array = tensor.array
    if op == "mean" and array.dtype.kind in "biu":
        raise ValueError(f"all_reduce: op='mean' needs floating-point numbers, got {array.dtype}")
    group.agree(f"all_reduce({op!r}) of {_described(tensor)}")
    if group.size == 1:
        return
    buffer = _flat(array)
    started = group.backend(array).start_all_reduce(buffer, "sum" if op == "mean" else op)
    waiting.wait(group, started.test, f"all_reduce({op!r}) of {_described(tensor)}")
    if op == "mean":
        buffer /= buffer.dtype.type(group.size)
    _write(tensor, buffer)


def broadcast(tensor: Tensor, src: int) -> None:
    """Overwrite a tensor by that of the rank `src`.

    Raises: as `all_reduce`; ValueError unless src is a rank.
    """
    group = _checked("broadcast", tensor)
    _check_rank("broadcast", "src", src, group)
    group.agree(f"broadcast(src={src}) of {_described(tensor)}")
    if group.size == 1:
        return
    buffer = _flat(tensor.array)
    started = group.backend(tensor.array).start_broadcast(buffer, src)
    waiting.wait(group, started.test, f"broadcast(src={src})")
    if group.rank != src:
        _write(tensor, buffer)


def all_gather(tensor_list: Sequence[Tensor], tensor: Tensor) -> None:
    """Fill the list with the tensors of all ranks, in their order.

    Raises: as `all_reduce`; ValueError unless the list has a tensor of that shape and dtype for
    each rank.
    """
    group = _checked("all_gather", tensor)
    if len(tensor_list) != group.size:
        raise ValueError(
            f"all_gather: tensor_list has {len(tensor_list)} tensors, which must be the "
            f"{group.size} of the ranks"
        )
    for i, part in enumerate(tensor_list):
        if _described(part) != _described(tensor):
            raise ValueError(
                f"all_gather: tensor_list[{i}] is {_described(part)}, which must be the tensor's "
                f"{_described(tensor)}"
            )
    group.agree(f"all_gather() of {_described(tensor)}")
    buffer = _flat(tensor.array)
    everyone = np.empty((group.size, buffer.size), buffer.dtype, like=buffer)
    if group.size == 1:
        everyone[0] = buffer
    else:
        started = group.backend(buffer).start_all_gather(buffer, everyone)
        waiting.wait(group, started.test, f"all_gather() of {_described(tensor)}")
    for part, found in zip(tensor_list, everyone, strict=True):
        _write(part, found)


def barrier() -> None:
    """Wait until all ranks are here. Raises: RuntimeError if one makes another call."""
    current("barrier").agree("barrier()")


def all_gather_object(object_list: list[Any], obj: Any) -> None:
    """Fill the list with the picklable objects of all ranks, in their order.

    Raises: ValueError unless the list has an entry for each rank; RuntimeError as `all_reduce`.
    """
    group = current("all_gather_object")
    if len(object_list) != group.size:
        raise ValueError(
            f"all_gather_object: object_list has {len(object_list)} entries, which must be the "
            f"{group.size} of the ranks"
        )
    group.agree("all_gather_object()")
    object_list[:] = gathered(group, obj)


def broadcast_object_list(object_list: list[Any], src: int = 0) -> None:
    """Overwrite the list's entries by those of the rank `src`.

    Raises: ValueError unless src is a rank; RuntimeError if the lengths differ.
    """
    group = current("broadcast_object_list")
    _check_rank("broadcast_object_list", "src", src, group)
    group.agree(f"broadcast_object_list(src={src}) of {len(object_list)} objects")
    own = list(object_list) if group.rank == src else None
    object_list[:] = gathered(group, own)[src]


def gathered(group: Group, obj: Any) -> list[Any]:
    """The objects of all ranks, which must all call this."""
    if group.size == 1:
        return [obj]
    text = np.frombuffer(pickle.dumps(obj), np.uint8)
    sizes = np.empty((group.size, 1), np.int64)
    started = group.mpi.start_all_gather(np.array([text.size], np.int64), sizes)
    waiting.wait(group, started.test, "gathering of objects")
    padded = np.zeros(sizes.max(), np.uint8)
    padded[: text.size] = text
    everyone = np.empty((group.size, padded.size), np.uint8)
    started = group.mpi.start_all_gather(padded, everyone)
    waiting.wait(group, started.test, "gathering of objects")
    texts = zip(everyone, sizes[:, 0], strict=True)
    return [pickle.loads(part[:size].tobytes()) for part, size in texts]


def reduced(group: Group, array: np.ndarray, op: str = "sum") -> np.ndarray:
    """The reduction of NumPy arrays of one shape over all ranks, which must all call this."""
    total = np.ascontiguousarray(array).copy()
    if group.size > 1:
        started = group.mpi.start_all_reduce(total.reshape(-1), op)
        waiting.wait(group, started.test, f"reduction of {array.dtype} {array.shape}")
    return total


def _checked(function: str, tensor: Tensor) -> Group:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{function}: tensor must be a Tensor, got {type(tensor).__name__}")
    return current(function)


def _check_rank(function: str, name: str, rank: int, group: Group) -> None:
    if not isinstance(rank, int) or isinstance(rank, bool) or not 0 <= rank < group.size:
        raise ValueError(f"{function}: {name}={rank!r} must be a rank, 0..{group.size - 1}")


def _described(tensor: Tensor) -> str:
    return f"{tensor.array.dtype} {tuple(tensor.array.shape)}"


def _flat(array: Any) -> Any:
    """The elements in one dimension: contiguous, and not those of `array`."""
    flat = array.reshape(-1)
    return flat.copy() if flat.base is not None or flat is array else flat


def _write(tensor: Tensor, buffer: Any) -> None:
    tensor.array[...] = buffer.reshape(tensor.array.shape)
    tensor.bump_version()
