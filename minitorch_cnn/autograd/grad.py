"""grad: the derivatives of outputs with respect to chosen inputs, without touching any `.grad`."""

from __future__ import annotations

import numpy as np

from .. import devices
from . import function
from .engine import run_backward


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False
):
    """sum_i grad_outputs_i * d outputs_i / d inputs: a tuple with one Tensor per input, in its
    shape.

    `grad_outputs` may be left out for outputs of one element. With `create_graph` the results can
    be differentiated again. An input that the outputs do not depend on gives None with
    `allow_unused`, else RuntimeError.
    """
    outputs, inputs = as_tuple(outputs), as_tuple(inputs)
    seeds = (None,) * len(outputs) if grad_outputs is None else as_tuple(grad_outputs)
    if len(seeds) != len(outputs):
        raise ValueError(f"grad: {len(seeds)} grad_outputs for {len(outputs)} outputs")
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: inputs[{i}] does not require grad")
    seeds = [seed_gradient("grad", y, g) for y, g in zip(outputs, seeds, strict=True)]
    results = run_backward(outputs, seeds, inputs, retain_graph, create_graph)
    for i, g in enumerate(results):
        if g is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on inputs[{i}]; allow_unused=True gives None"
            )
    return tuple(results)


def as_tuple(x) -> tuple:
    """A tensor as a tuple of one, a sequence as a tuple."""
    return (x,) if isinstance(x, function.Tensor) else tuple(x)


def seed_gradient(name, y, g):
    """The gradient that a backward pass starts with at the output `y`: `g`, checked, or 1."""
    if not y.requires_grad:
        raise RuntimeError(f"{name}: the tensor does not require grad and has no graph behind it")
    if g is None:
        if y.data.size != 1:
            raise RuntimeError(
                f"{name}: a gradient must be given for a non-scalar tensor, shape {y.shape}"
            )
        return function.Tensor(np.ones_like(y.data))
    if not isinstance(g, function.Tensor):
        raise TypeError(f"{name}: gradient must be a Tensor, got {type(g).__name__}")
    if g.shape != y.shape:
        raise RuntimeError(f"{name}: gradient has shape {g.shape}, the tensor has shape {y.shape}")
    if devices.elsewhere and g.device != y.device:
        raise RuntimeError(f"{name}: the gradient lies on {g.device}, the tensor on {y.device}")
    return g


def forget_grads(parameters, set_to_none: bool) -> None:
    """Set gradients to None, or those that exist to zeros in place, without a history."""
    for p in parameters:
        if set_to_none:
            p.grad = None
        elif p.grad is not None:
            p.grad = p.grad.detach()
            p.grad.zero_()


def check_gradient(x, g) -> None:
    """Refuse `g` as the `.grad` of `x`: it must be a Tensor of its shape, dtype and device."""
    if not isinstance(g, function.Tensor):
        raise TypeError(f"grad: must be a Tensor or None, got {type(g).__name__}")
    if g is x:
        raise RuntimeError("grad: a tensor cannot be its own gradient")
    for what in ("shape", "dtype", "device"):
        if getattr(g, what) != getattr(x, what):
            raise RuntimeError(
                f"grad: a gradient of {what} {getattr(g, what)} does not fit a tensor of {what} "
                f"{getattr(x, what)}"
            )
