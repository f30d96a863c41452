"""What an operation keeps for its backward pass, and the check that nobody has written to it since.

A saved array is kept as the Tensor that it came from, with the version of its memory at that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..tensor.tensor import Tensor
    from ..tensor.types import Array
    from .checkpoint import Region
else:
    # Set by tensor.py: a Tensor's methods use Functions, so these are defined first.
    Tensor = None

blank = object.__new__


class Version:
    """The number of writes to memory that a tensor may share with its views."""

    count: int = 0


class SavedValues:
    """The part of an operation's context that forward fills and backward reads."""

    __slots__ = ()

    # Defaults.
    saved_: Sequence[Any] | None = ()  # None: freed, or for `region` to recompute
    kept_: tuple[Any, ...] | None = ()  # as saved_
    region: Region | None = None  # the checkpoint that recomputes what this node saved

    def save_for_backward(ctx, *arrays: Any) -> None:
        """Save inputs and outputs of this op (or None) for `ctx.saved_tensors`."""
        ctx.saved_ = arrays

    def keep(ctx, *constants: Any) -> None:
        """Keep any other values (masks, indices, statistics) as constants in `ctx.kept`."""
        ctx.kept_ = constants

    @property
    def saved_tensors(ctx) -> tuple[Any, ...]:
        """The saved inputs and outputs as Tensors; RuntimeError if freed or changed since."""
        if ctx.saved_ is None:
            ctx._make_available()
        tensors: list[Tensor | None] = []
        saved: Any = ctx.saved_
        for item in saved:
            if item is None:
                tensors.append(None)
                continue
            source, version, output = item
            if output is None:
                tensor, counter = source, source._counter
            else:
                array, counter = source
                tensor = _tensor(array, counter, True, ctx, output)
            if counter is not None and counter.count != version:
                raise _changed(ctx, tensor, version)
            tensors.append(tensor)
        return tuple(tensors)

    @property
    def kept(ctx) -> tuple[Any, ...]:
        """The values given to `keep`; RuntimeError if an earlier backward pass freed them."""
        if ctx.kept_ is None:
            ctx._make_available()
        return ctx.kept_ or ()

    def _make_available(ctx) -> None:
        if ctx.region is None:
            raise RuntimeError(
                f"backward: what {type(ctx).__name__} saved was freed by an earlier backward pass; "
                "give that pass retain_graph=True to run backward twice"
            )
        ctx.region.recompute()

    def release(ctx) -> None:
        """Free the saved values once the gradients have been computed."""
        if ctx.saved_ or ctx.kept_ or ctx.region is not None:
            ctx.saved_ = ctx.kept_ = ctx.region = None

    def _pack(
        ctx,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        results: Sequence[Any],
        outputs: Sequence[Tensor],
    ) -> None:
        """Replace the saved arrays by (Tensor, its current version, None) for an input of the op,
        and by ((array, counter of its writes), version, output index) for an output.

        An output's Tensor holds this node: if the node kept it, both would form a cycle.
        """
        packed: list[tuple[Any, int, int | None] | None] = []
        saved: Any = ctx.saved_
        for array in saved:
            if array is None:
                packed.append(None)
                continue
            i = 0
            for given in arrays:
                if given is array:
                    source = inputs[i]
                    if type(source) is not Tensor or source._base is not None:
                        source = without_base(source)
                    counter = source._counter
                    packed.append((source, 0 if counter is None else counter.count, None))
                    break
                i += 1
            else:
                i = 0 if array is results[0] else ctx._place_of(array, results)
                y = outputs[i]
                counter = y._counter
                if counter is None:  # and no other thread has this output yet
                    counter = y._counter = Version()
                packed.append(((array, counter), counter.count, i))
        ctx.saved_ = packed

    def _place_of(ctx, array: Array, results: Sequence[Any]) -> int:
        """Which of the results a saved array is; RuntimeError if it is none of them."""
        for i, y in enumerate(results):
            if y is array:
                return i
        raise RuntimeError(
            f"{type(ctx).__name__}: save_for_backward takes inputs and outputs of the op, got "
            f"another array of shape {np.shape(array)}; keep takes constants"
        )


def without_base(x: Tensor | Array) -> Tensor:
    """The input `x`, a Tensor or an array, as a Tensor that does not refer to a base.

    The base's node may be newer than the one that saves x, and would keep its own ancestors alive.
    A leaf that is a view must remain itself.
    """
    if not isinstance(x, Tensor):
        return Tensor(x)
    if x._base is None or (x._requires_grad and x._node is None):
        return x
    return _tensor(x.array, x._counter, x._requires_grad, x._node, x._index)


def _tensor(
    array: Array,
    counter: Version | None,
    requires_grad: bool,
    node: SavedValues | None,
    output: int,
) -> Tensor:
    """The Tensor of an array whose writes `counter` counts: output number `output` of `node`."""
    y: Any = blank(Tensor)
    y.array, y._counter, y._base = array, counter, None
    y._requires_grad, y._node, y._index = requires_grad, node, output
    return y


def _changed(node: SavedValues, tensor: Tensor, version: int) -> RuntimeError:
    return RuntimeError(
        f"backward: a tensor of shape {tensor.shape} that {type(node).__name__} needs for its "
        f"gradient was changed in place: it is at version {tensor._version}, expected version "
        f"{version}"
    )
