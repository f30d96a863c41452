"""Locate the origin of the first NaN or infinity of a training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import dtypes
from ..nn import Module
from ..tensor import Tensor
from .batches import called


class NonFiniteError(RuntimeError, FloatingPointError):
    """A loss or gradient is NaN or infinite; the message names the step and the layer."""


def has_nonfinite_gradient(model: Module) -> bool:
    """Whether a parameter's gradient contains a NaN or an infinity."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if gradients and gradients[0].device != "cpu":  # a single synchronisation with the GPU
        with np.errstate(all="ignore"):
            return not bool(np.isfinite(sum(g.array.sum() for g in gradients))) and any(
                not finite(g) for g in gradients
            )
    return any(not finite(g) for g in gradients)


def find_nonfinite(model: Module, x: Any, target: Any, loss: Callable[..., Any]) -> str:
    """Rerun a batch and name the first place with a NaN or an infinity, as part of a sentence.

    The order of inspection is that of computation: the batch, the parameters, each layer's output,
    the loss, then, backwards, the gradient of each layer's output and of each parameter.
    """
    if not all(finite(part) for part in tensors(x)):
        return "the batch itself"
    for name, p in model.named_parameters():
        if not finite(p):
            return f"the parameter {name!r}"
    found: list[str] = []
    names = {id(module): name for name, module in model.named_modules()}

    def look(module: Module, inputs: Any, output: Any) -> None:
        place = f"layer {names[id(module)]!r} ({type(module).__name__})"
        for y in tensors(output):
            if not finite(y):
                found.append(f"the output of {place}")
            elif y.requires_grad:
                y.register_hook(
                    lambda gy: None if finite(gy) else found.append(f"the gradient at {place}")
                )

    handles = [module.register_forward_hook(look) for module in model.modules()]
    try:
        value = loss(called(model, x), target)
        if not found and not finite(value):
            found.append("the loss")
        if not found:
            model.zero_grad()
            value.backward()
    finally:
        for handle in handles:
            handle.remove()
    for name, p in model.named_parameters():
        if p.grad is not None and not finite(p.grad):
            found.append(f"the gradient of the parameter {name!r}")
    return found[0] if found else "a place that a second run of the batch does not show"


def finite(t: Tensor) -> bool:
    """Whether all elements are finite; the sum decides this in one pass unless it overflows."""
    with np.errstate(all="ignore"):
        return t.array.dtype.kind not in dtypes.FLOATS or bool(
            np.isfinite(t.array.sum()) or np.isfinite(t.array).all()
        )


def tensors(output: Any) -> Iterator[Tensor]:
    """The Tensors in a layer's output: one, or a tuple, list or dict of them."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list | dict):
        for part in output.values() if isinstance(output, dict) else output:
            yield from tensors(part)
