"""trace: run a model on an empty batch, and record the inputs and outputs of every module.

Every shape except the batch size is exact and no arithmetic is done; autograd's graph shows which
layer's output goes where.
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
    """A module's call: the shapes of its first input and first output without the batch axis.

    origin: the node of the output, or the output itself if it is a leaf. began, ended: its times;
    calls with a time in between ran inside it.
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
    own, and those of functions that recorded operations, in order.
    """

    x: Tensor
    calls: list[Call]
    functions: list[FunctionCall]


class Clock:
    """Times in a run: the number of module calls begun or ended, and the number of function calls
    since. They are equal in every run of a model, provided that it calls the same layers.
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
    """Run `model` in evaluation mode on zero images of `input_shape`, (C, H, W) or (N, C, H, W).

    A net that does not accept an empty batch, as with `x.view(x.size(0), -1)`, gets one image.

    Raises: ValueError, in the name of `function`, unless that is 3 or 4 positive integers, or for a
    net or layer whose input or output is not a tensor; whatever the model raises.
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
    """Run `model` on images x in evaluation mode -> the calls, and the model's output.

    seen(time, y) is called with the output of every module and function, and with that of each
    operation of a function in turn. Nothing is kept for a backward pass.
    """
    x = Tensor(x.array, requires_grad=True)
    clock = Clock()
    calls: list[Call] = []
    functions: list[FunctionCall] = []

    def operated(node: Any, outputs: Any) -> None:
        call = function_of(node, clock.now)
        if functions and call.frame is not None and call.frame is functions[-1].frame:
            functions[-1].name = call.name  # the last operation produces the result
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
        # Recorded now, because a later in-place write to y would change its origin.
        origin = y.grad_fn or y
        calls.append(Call(name, module, inputs[0].shape[1:], y.shape[1:], origin, *times))
        seen(times[1], y)

    return before, after
