"""trace: run a model on a batch of no images, and note what every module was given and gave.

Every shape but the batch's comes out exact and no arithmetic is done; the graph that autograd
records on the way tells which layer's output went where.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd import enable_grad
from ..autograd.array_function import ArrayFunction
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .watch import recording, uncompiled

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A module that ran: the shapes of its first input and first output without the batch axis.

    origin: the node that made the output, or the output itself if it is a leaf. began, ended: when;
    what has a time in between ran within.
    """

    name: str
    module: Module
    input_shape: Shape
    output_shape: Shape
    origin: ArrayFunction | Tensor
    began: int
    ended: int


class Trace(NamedTuple):
    """The calls in the order in which they ended, so that the last one is the model's own.

    times: of the operations that were recorded, in their order. Times count the beginnings and ends
    of calls and the operations: they are the same in every run of a model.
    """

    x: Tensor
    calls: list[Call]
    times: dict[ArrayFunction, int]


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
    state = get_rng_state()
    try:
        return run_through(model, Tensor(zeros), function)[0]
    finally:
        set_rng_state(state)


def run_through(
    model: Module,
    x: Tensor,
    function: str,
    seen: Callable[[int, Tensor], None] = lambda time, y: None,
) -> tuple[Trace, Tensor]:
    """Run `model` on images x in evaluation mode, and call seen(time, y) with what every module and
    operation gives -> the calls, and the answer. Nothing is kept for a backward pass.
    """
    x = Tensor(x.array, requires_grad=True)
    clock = itertools.count()
    calls: list[Call] = []
    times: dict[ArrayFunction, int] = {}

    def operated(node: Any, outputs: Any) -> Any:
        times[node] = next(clock)
        seen(times[node], outputs[0])
        node.release()

    handles = []
    for name, module in model.named_modules():
        before, after = _recorder(name, calls, clock, seen, function)
        handles += [
            module.register_forward_pre_hook(before),
            module.register_forward_hook(after),
        ]
    try:
        with evaluation(model), enable_grad(), recording(operated), uncompiled(x):
            output = model(x)
    finally:
        for handle in handles:
            handle.remove()
    return Trace(x, calls, times), output


def _recorder(name: str, calls: list[Call], clock: Any, seen: Any, function: str) -> Any:
    """Hooks before and after forward, which append the call of the module `name`."""
    begun: list[int] = []

    def before(module: Module, inputs: Any) -> None:
        begun.append(next(clock))

    def after(module: Module, inputs: Any, output: Any) -> Any:
        times = begun.pop(), next(clock)
        y = first_output(output)
        if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(y, Tensor):
            if list(module.children()):
                return
            raise ValueError(
                f"{function}: the layer {name or type(module).__name__} must be given a tensor and "
                "give one"
            )
        # Now, for a later write into y in place would give it another origin.
        origin = y.grad_fn or y
        calls.append(Call(name, module, inputs[0].shape[1:], y.shape[1:], origin, *times))
        seen(times[1], y)

    return before, after
