"""trace: run a model on a batch of no images, and note what every module was given and gave.

Every shape but the batch's comes out exact and no arithmetic is done; the graph that autograd
records on the way tells which layer's output went where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd import enable_grad
from ..autograd.array_function import ArrayFunction
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .function_calls import FunctionCall, Time, function_of
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
    began: Time
    ended: Time


class Trace(NamedTuple):
    """The calls of modules in the order in which they ended, so that the last one is the model's
    own, and those of functions that recorded operations, in their order.
    """

    x: Tensor
    calls: list[Call]
    functions: list[FunctionCall]


class Clock:
    """Times of a run: how many calls of modules have begun or ended, and how many functions have
    been called since. They are the same in every run of a model, if the layers that it calls are.
    """

    def __init__(self):
        self.now: Time = (0, 0)

    def module(self) -> Time:
        """The time at which a module begins or ends."""
        self.now = self.now[0] + 1, 0
        return self.now

    def function(self) -> Time:
        """The time at which a function is called."""
        self.now = self.now[0], self.now[1] + 1
        return self.now


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
    seen: Callable[[Time, Tensor], None] = lambda time, y: None,
) -> tuple[Trace, Tensor]:
    """Run `model` on images x in evaluation mode, and call seen(time, y) with what every module and
    function gives -> the calls, and the answer. Nothing is kept for a backward pass.

    A function that records several operations has seen called with the output of each in turn.
    """
    x = Tensor(x.array, requires_grad=True)
    clock = Clock()
    calls: list[Call] = []
    functions: list[FunctionCall] = []

    def operated(node: Any, outputs: Any) -> None:
        call = function_of(node, clock.now)
        if functions and call.frame is not None and call.frame is functions[-1].frame:
            functions[-1].name = call.name  # the last operation makes the result
            functions[-1].nodes.append(node)
        else:
            forget()
            call.time = clock.function()
            functions.append(call)
        seen(functions[-1].time, outputs[0])
        node.release()

    def forget() -> None:
        if functions:
            functions[-1].frame = None

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
        forget()
        for handle in handles:
            handle.remove()
    return Trace(x, calls, functions), output


def _recorder(name: str, calls: list[Call], clock: Clock, seen: Any, function: str) -> Any:
    """Hooks before and after forward, which append the call of the module `name`."""
    begun: list[Time] = []

    def before(module: Module, inputs: Any) -> None:
        begun.append(clock.module())

    def after(module: Module, inputs: Any, output: Any) -> Any:
        times = begun.pop(), clock.module()
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
