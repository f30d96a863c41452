"""The usual calls of an op: one or two tensors in, one array out.

They do what `ArrayFunction.apply` does for any inputs, without its loops: small tensors spend more
time there than in the arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from . import array_function
from .array_function import SILENT, blank, warnings
from .modes import this_thread

if TYPE_CHECKING:
    from ..tensor import Tensor
    from .array_function import ArrayFunction

ndarray = np.ndarray


def apply_one(op: type[ArrayFunction], x: Tensor, /, **settings: Any) -> Tensor:
    """op.apply(x, **settings), for an op whose forward returns one array."""
    array = x.array
    if devices.elsewhere or (op.in_float32 and array.dtype.itemsize == 2):
        return op.apply(x, **settings)
    if x._base is not None and this_thread.modes.grad:
        x._follow_base()
    recorded = x._requires_grad and this_thread.modes.grad
    ctx: Any = blank(op)
    ctx.needs_input_grad = (recorded,)
    token = None if op.never_warns else warnings.set(SILENT)
    try:
        result = op.forward(ctx, array, **settings) if settings else op.forward(ctx, array)
    finally:
        if token is not None:
            warnings.reset(token)
    if type(result) is ndarray:  # in which __init__ has nothing to check
        y = blank(array_function.Tensor)
        y.array = result
        y._requires_grad, y._node, y._index = False, None, 0
        y._base = y._counter = None
    else:  # a number
        y = array_function.Tensor(result)
    if op.is_view:
        y._become_view(x, op, settings)
    if recorded:
        node = x._node
        ctx.edges = [(x, 0) if node is None else (node, x._index)]
        ctx.record_one((x,), (array,), result, y)
    return y


def apply_two(
    op: type[ArrayFunction], a: Tensor, b: Tensor, /, **settings: Any
) -> Tensor:
    """op.apply(a, b, **settings), for an op whose forward returns one array, in new memory."""
    x, y = a.array, b.array
    if devices.elsewhere or (op.in_float32 and x.dtype.itemsize == 2):
        return op.apply(a, b, **settings)
    if a._base is not None and this_thread.modes.grad:
        a._follow_base()
    if b._base is not None and this_thread.modes.grad:
        b._follow_base()
    need_a, need_b = a._requires_grad, b._requires_grad
    recorded = (need_a or need_b) and this_thread.modes.grad
    ctx: Any = blank(op)
    ctx.needs_input_grad = (need_a, need_b) if recorded else (False, False)
    token = warnings.set(SILENT)
    try:
        result = op.forward(ctx, x, y, **settings) if settings else op.forward(ctx, x, y)
    finally:
        warnings.reset(token)
    if type(result) is ndarray:
        z = blank(array_function.Tensor)
        z.array = result
        z._requires_grad, z._node, z._index = False, None, 0
        z._base = z._counter = None
    else:
        z = array_function.Tensor(result)
    if recorded:
        edge_a = edge_b = None
        if need_a:
            edge_a = (a, 0) if a._node is None else (a._node, a._index)
        if need_b:
            edge_b = (b, 0) if b._node is None else (b._node, b._index)
        ctx.edges = [edge_a, edge_b]
        ctx.record_one((a, b), (x, y), result, z)
    return z
