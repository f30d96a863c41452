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

# A signal so faint that it reaches no bound, such as ReLU6's, though hundreds of residual sums may
# double it; in float64 its gradients are as good as any.
FAINT = 2.0**-300


class ReceptiveField(NamedTuple):
    """Output (i, j) sees the `size` rows and columns from start + (i, j) * jump on.

    Numbers are (rows, columns) of the image; rows below 0 or beyond it are padding. size: at most,
    where outputs differ, and the image's where all of it is seen through a gate, as in
    squeeze-and-excitation. jump: below 1 where the map is finer than the image; of a vector, as of
    the one output of a window over the whole map.
    """

    size: Pair
    jump: tuple[float, float]
    start: Pair


def receptive_field(
    model: Module, input_shape: Shape, layer: str | None = None
) -> ReceptiveField | None:
    """What an output of the module named `layer` (of the model by default) sees, by formula.

    input_shape: (C, H, W) or (N, C, H, W). No arithmetic is done and the weights are not looked at.
    Branches are followed: where they meet, the field is the smallest that holds theirs. A layer
    that runs more than once is taken at its last run. None if the output does not depend on the
    image.

        field  r <- r + (span - 1) * j      jump  j <- j * stride      start  s <- s - padding * j

    Raises: ValueError for an input_shape that is not 3 or 4 positive integers, KeyError for a name
    of no module that runs.

    Source: Araujo, Norris, Sim (2019), Computing Receptive Fields of Convolutional Neural Networks.
    """
    run = trace(model, input_shape, "receptive_field")
    outputs = {call.name: call.origin for call in run.calls}
    origin = outputs.get(layer or "")
    if origin is None:
        near = nearest(layer, filter(None, outputs))
        raise KeyError(f"receptive_field: layer={layer!r} is the name of no module that runs{near}")
    axes = fields(run.x, [origin]).get(origin)
    return None if axes is None else field_of(axes, input_shape)


def field_of(axes: tuple[Axis, ...], input_shape: Shape) -> ReceptiveField:
    """The rows' and the columns' Axis as plain numbers."""
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
    """The rows and columns of the image on which the output at `at` depends: where d y / d x != 0.

    at: (i, j), by default the central output. Every channel of the output counts. As the check of
    `receptive_field`, cut off at the image's edges: it runs a copy of the model forward and
    backward in float64, with every weight replaced by a positive one, so that no paths cancel.

    Raises: KeyError for a name of no module that runs.
    """
    model = _averaging(copy.deepcopy(model))
    # A maximum passes one gradient on. That of rising rows and columns is the last, and the field's
    # last row and column show; that of falling ones is the first.
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
            f"receptive_field_by_gradient: layer={layer!r} is the name of no module that runs{near}"
        )
    if y.ndim > 3:
        i, j = at or (y.shape[2] // 2, y.shape[3] // 2)
        y = y[:, :, i, j]
    (gx,) = grad(y.sum(), x)
    touched = (gx.numpy() != 0).any((0, 1))
    return _extent(touched.any(1)), _extent(touched.any(0))


def _averaging(model: Module) -> Module:
    """The model in float64 and evaluation mode, its weights averaging, its batch norms idle."""
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
    """From the first True to the last."""
    (places,) = touched.nonzero()
    return range(places[0], places[-1] + 1) if places.size else range(0)
