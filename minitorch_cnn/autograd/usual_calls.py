"""The usual calls of an op: one or two tensors in, one array out.

They do what `ArrayFunction.apply` does for any inputs, without its loops: small tensors spend more
time there than in the arithmetic. What an op says of itself is read at once from `prepared`, and
the switches of the thread are read only where an input requires grad or is a view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from .array_function import SILENT, warnings
from .modes import this_thread
from .saved_values import blank

if TYPE_CHECKING:
    from ..tensor import Tensor
    from .array_function import ArrayFunction
else:
    Tensor = None  # Set by tensor.py, as in array_function.py.

ndarray = np.ndarray


def apply_one(op: type[ArrayFunction], x: Tensor, /, **settings: Any) -> Tensor:
    """op.apply(x, **settings), for an op whose forward returns one array and marks nothing."""
    array = x.array
    forward, compute, in_float32, never_warns, is_view = op.prepared
    if devices.elsewhere or (in_float32 and array.dtype.itemsize == 2):
        return op.apply(x, **settings)
    modes: Any = None
    ctx: Any = None
    recorded = False
    if is_view or x._requires_grad or x._base is not None:
        modes = this_thread.modes
        if modes.grad:
            if x._base is not None:
                x._follow_base()
            recorded = x._requires_grad
    token = None if never_warns else warnings.set(SILENT)
    try:
        if compute is not None and not recorded:
            result = compute(array, **settings) if settings else compute(array)
        else:
            ctx = blank(op)
            ctx.needs_input_grad = (True,) if recorded else (False,)
            result = forward(ctx, array, **settings) if settings else forward(ctx, array)
    finally:
        if token is not None:
            warnings.reset(token)
    if type(result) is ndarray:  # in which __init__ has nothing to check
        y = blank(Tensor)
        y.array = result
        y._requires_grad, y._node, y._index = False, None, 0
        y._base = y._counter = None
    else:  # a number
        y = Tensor(result)
    if is_view:
        y._become_view(x, op, settings, modes)
    if recorded:
        node = x._node
        ctx.edges = [(x, 0) if node is None else (node, x._index)]
        ctx.record_one((x,), (array,), result, y, modes)
    return y


def apply_two(op: type[ArrayFunction], a: Tensor, b: Tensor, /, **settings: Any) -> Tensor:
    """op.apply(a, b, **settings), as apply_one, with the result in new memory."""
    x, y = a.array, b.array
    forward, compute, in_float32, never_warns, _ = op.prepared
    if devices.elsewhere or (in_float32 and x.dtype.itemsize == 2):
        return op.apply(a, b, **settings)
    modes: Any = None
    ctx: Any = None
    recorded = False
    need_a, need_b = a._requires_grad, b._requires_grad
    if need_a or need_b or a._base is not None or b._base is not None:
        modes = this_thread.modes
        if modes.grad:
            if a._base is not None:
                a._follow_base()
            if b._base is not None:
                b._follow_base()
            need_a, need_b = a._requires_grad, b._requires_grad
            recorded = need_a or need_b
    token = None if never_warns else warnings.set(SILENT)
    try:
        if compute is not None and not recorded:
            result = compute(x, y, **settings) if settings else compute(x, y)
        else:
            ctx = blank(op)
            ctx.needs_input_grad = (need_a, need_b) if recorded else (False, False)
            result = forward(ctx, x, y, **settings) if settings else forward(ctx, x, y)
    finally:
        if token is not None:
            warnings.reset(token)
    if type(result) is ndarray:
        z = blank(Tensor)
        z.array = result
        z._requires_grad, z._node, z._index = False, None, 0
        z._base = z._counter = None
    else:
        z = Tensor(result)
    if recorded:
        edge_a = edge_b = None
        if need_a:
            edge_a = (a, 0) if a._node is None else (a._node, a._index)
        if need_b:
            edge_b = (b, 0) if b._node is None else (b._node, b._index)
        ctx.edges = [edge_a, edge_b]
        ctx.record_one((a, b), (x, y), result, z, modes)
    return z
