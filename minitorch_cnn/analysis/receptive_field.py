"""receptive_field: the part of the image that one output sees, by formula and by gradient."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from ..autograd import enable_grad, grad, no_grad
from ..nn import Module
from ..spelling import nearest
from ..tensor import Tensor
from .field_rules import Axis
from .fields import fields
from .trace import Shape, trace

Pair = tuple[int, int]

# A signal too weak to reach a bound such as ReLU6's, even if hundreds of residual sums double it;
# in float64 its gradients are still exact enough.
FAINT = 2.0**-300


class ReceptiveField(NamedTuple):
    """Output (i, j) sees the `size` rows and columns from start + (i, j) * jump on.

    Numbers are (rows, columns) of the image; rows below 0 or beyond it are padding. size: the
    maximum if outputs differ, and the image's size if all of it is seen through a gate, as in
    squeeze-and-excitation. jump: below 1 if the map is finer than the image; for a vector, that of
    the one output of a window over the whole map.
    """

    size: Pair
    jump: tuple[float, float]
    start: Pair


def receptive_field(
    model: Module, input_shape: Shape, layer: str | None = None
) -> ReceptiveField | None:
    """Compute the receptive field of the module named `layer` (by default the model) by formula.

    input_shape: (C, H, W) or (N, C, H, W). No arithmetic is done and the weights are not used.
    Branches are followed: where they meet, the field is the smallest that contains theirs. If a
    layer runs more than once, its last run counts. Returns None if the output does not depend on
    the image.

        field  r <- r + (span - 1) * j      jump  j <- j * stride      start  s <- s - padding * j

    Raises: ValueError for an input_shape that is not 3 or 4 positive integers, KeyError if no
    module of that name runs.

    Source: Araujo, Norris, Sim (2019), Computing Receptive Fields of Convolutional Neural Networks.
    """
    run = trace(model, input_shape, "receptive_field")
    outputs = {call.name: call.outputs[0] for call in run.calls if call.outputs}
    value = outputs.get(layer or "")
    if value is None:
        near = nearest(layer, filter(None, outputs))
        raise KeyError(f"receptive_field: layer={layer!r} names no module that runs{near}")
    axes = fields(run, [value]).get(value)
    return None if axes is None else field_of(axes, input_shape)


def field_of(axes: tuple[Axis, ...], input_shape: Shape) -> ReceptiveField:
    """Convert the Axis of rows and of columns to plain numbers."""
    pairs = list(zip(axes, input_shape[-2:], strict=True))
    size: Any = tuple(n if axis.size == math.inf else axis.size for axis, n in pairs)
    jumps = (axis.jump for axis in axes)
    jump: Any = tuple(int(j) if j.denominator == 1 else float(j) for j in jumps)
    start: Any = tuple(0 if axis.size == math.inf else axis.first[0] for axis in axes)
    return ReceptiveField(size, jump, start)


@enable_grad()
def receptive_field_by_gradient(
    model: Module, input_shape: Shape, layer: str | None = None, at: Pair | None = None
) -> tuple[range, range]:
    """Find the rows and columns of the image on which the output at `at` depends: d y / d x != 0.

    at: (i, j), by default the central output, over all channels. This checks `receptive_field`,
    clipped to the image: it runs a copy of the model forward and backward in float64, with every
    weight replaced by a positive one, so that no paths cancel.

    Raises: KeyError if no module of that name runs.
    """
    model = _averaging(copy.deepcopy(model))
    # Max pooling passes the gradient to one maximum. With rising rows and columns that is the last
    # one, which reveals the field's last row and column; with falling ones the first.
    C, H, W = input_shape[-3:]
    rising = np.add.outer(np.arange(H), np.arange(W)) / (H + W)
    images = np.stack([1 + rising, 2 - rising]) * FAINT
    x = Tensor(np.repeat(images[:, None], C, axis=1), requires_grad=True)
    outputs = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda _, inputs, output, name=name: outputs.update({name: output})
        )
    model(x)
    y = outputs.get(layer or "")
    if y is None:
        near = nearest(layer, filter(None, outputs))
        raise KeyError(
            f"receptive_field_by_gradient: layer={layer!r} names no module that runs{near}"
        )
    if y.ndim > 3:
        i, j = at or (y.shape[2] // 2, y.shape[3] // 2)
        y = y[:, :, i, j]
    (gx,) = grad(y.sum(), x)
    touched = (gx.numpy() != 0).any((0, 1))
    return _extent(touched.any(1)), _extent(touched.any(0))


def _averaging(model: Module) -> Module:
    """A float64 copy of the model in evaluation mode, with averaging weights, idle batch norms."""
    model.double().eval().requires_grad_(False)
    with no_grad():
        for name, p in model.named_parameters():
            p.fill_(0 if name.endswith("bias") else 1 / math.prod(p.shape[1:]))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.fill_(0)
            elif name.endswith("running_var"):
                buffer.fill_(1)
    return model


def _extent(touched: np.ndarray) -> range:
    """The range from the first True to the last."""
    (places,) = touched.nonzero()
    return range(places[0], places[-1] + 1) if places.size else range(0)
