"""trace: run a model on a batch of no images, and note what every module was given and gave.

Every shape but the batch's comes out exact and no arithmetic is done; the graph that autograd
records on the way tells which layer's output went where.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autograd import enable_grad
from ..autograd.array_function import ArrayFunction
from ..nn import Module
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .watch import evaluation

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A module that ran: the shapes of its first input and first output without the batch axis.

    origin: the node that made the output, or the output itself if it is a leaf.
    """

    name: str
    module: Module
    input_shape: Shape
    output_shape: Shape
    origin: ArrayFunction | Tensor


class Trace(NamedTuple):
    """The calls in the order in which they ended, so that the last one is the model's own."""

    x: Tensor
    calls: list[Call]


def trace(model: Module, input_shape: Shape, function: str) -> Trace:
    """Run `model` in evaluation mode on no images of `input_shape`, (C, H, W) or (N, C, H, W).

    A net that cannot take a batch of none, as with `x.view(x.size(0), -1)`, takes one image.

    Raises: ValueError, in the name of `function`, unless that is 3 or 4 positive integers, or for a
    net, or a layer, that is given or gives anything but tensors; what the model raises.
    """
    if len(input_shape) not in (3, 4) or min(input_shape) < 1:
        raise ValueError(
            f"{function}: input_shape={tuple(input_shape)} must be (C, H, W) or (N, C, H, W), "
            "all positive"
        )
    try:
        found = _run(model, input_shape, function, 0)
    except (ValueError, RuntimeError, IndexError, ArithmeticError):
        found = _run(model, input_shape, function, 1)
    if not found.calls or found.calls[-1].module is not model:
        raise ValueError(f"{function}: {type(model).__name__} must answer to images with a tensor")
    return found


def _run(model: Module, input_shape: Shape, function: str, images: int) -> Trace:
    like = next((p.array for p in model.parameters()), np.empty(0, np.float32))
    zeros = np.zeros((images, *input_shape[-3:]), like.dtype, like=like)
    x = Tensor(zeros, requires_grad=True)
    calls: list[Call] = []
    handles = [
        module.register_forward_hook(_recorder(name, calls, function))
        for name, module in model.named_modules()
    ]
    state = get_rng_state()
    try:
        with evaluation(model), enable_grad():
            model(x)
    finally:
        set_rng_state(state)
        for handle in handles:
            handle.remove()
    return Trace(x, calls)


def _recorder(name: str, calls: list[Call], function: str):
    """A forward hook that appends the call of the module `name`."""

    def record(module, inputs, output):
        y = output[0] if isinstance(output, tuple) else output
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(y, Tensor):
            if list(module.children()):
                return
            raise ValueError(
                f"{function}: the layer {name or type(module).__name__} must be given a tensor and "
                "give one"
            )
        # Now, for a later write into y in place would give it another origin.
        calls.append(Call(name, module, inputs[0].shape[1:], y.shape[1:], y.grad_fn or y))

    return record
