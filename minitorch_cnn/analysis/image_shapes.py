"""image_shape: find the image size that a network accepts, by trial."""

from __future__ import annotations

import numpy as np

from ..autograd import no_grad
from ..nn import Conv2d, Linear, Module
from ..nn.evaluation import evaluation, first_output
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .trace import Shape
from .watch import uncompiled

# Common image sizes in pixels: for nets whose first convolution has a stride, and for others.
PHOTOGRAPHS = (224, 227, 256, 299, 96, 128, 64, 32)
SMALL = (32, 28, 8, 16, 48, 64, 96, 128, 224, 227, 256, 299)


def image_shape(model: Module) -> Shape:
    """Find the shape (C, H, W) of common images that `model` accepts.

    The channels are those of its first convolution; if the net begins with a linear layer, its
    inputs determine the pixels. The result is the first of the common sizes for which the net runs
    on two images, from 224 on if its first convolution has a stride, else from 32 on.

    Raises: ValueError if it accepts none of them.

        mt.analysis.image_shape(net)                 # (1, 28, 28)
    """
    first = next((m for m in model.modules() if isinstance(m, Conv2d | Linear)), None)
    if isinstance(first, Linear):
        sides = {c: round((first.in_features / c) ** 0.5) for c in (1, 3)}
        tried = [(c, s, s) for c, s in sides.items() if c * s * s == first.in_features]
    else:
        channels = 3 if first is None else first.in_channels
        strided = first is not None and max(first.stride) > 1
        tried = [(channels, side, side) for side in (PHOTOGRAPHS if strided else SMALL)]
    for shape in tried:
        if _takes(model, shape):
            return shape
    raise ValueError(
        f"image_shape: {type(model).__name__} takes no images of a usual size; name the shape "
        "(C, H, W) of those that it takes"
    )


def _takes(model: Module, shape: Shape) -> bool:
    like = next((p.array for p in model.parameters()), np.empty(0, np.float32))
    x = Tensor(np.zeros((2, *shape), like.dtype, like=like))
    state = get_rng_state()
    try:
        with evaluation(model), no_grad(), uncompiled(x):
            answer = model(x)
    except Exception:
        return False
    finally:
        set_rng_state(state)
    answer = first_output(answer)
    return isinstance(answer, Tensor) and answer.shape[:1] == (2,)
