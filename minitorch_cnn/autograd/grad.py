"""grad, which returns the derivatives of outputs, and backward, which adds them to `.grad`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import devices
from . import array_function
from .engine import accumulate, run_backward

if TYPE_CHECKING:
    from ..tensor import Tensor


# One tensor or several.
TensorOrTensors: TypeAlias = "Tensor | Sequence[Tensor]"
GradOutputs: TypeAlias = "Tensor | Sequence[Tensor | None]"


def grad(
    outputs: TensorOrTensors,
    inputs: TensorOrTensors,
    grad_outputs: GradOutputs | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Compute sum_i grad_outputs_i * d outputs_i / d inputs: a tuple of one Tensor per input.

    `grad_outputs` may be omitted for outputs of one element. With `create_graph` the results can be
    differentiated again. An input that the outputs do not depend on gives None with `allow_unused`,
    zeros with `materialize_grads`, otherwise RuntimeError.

    only_inputs and is_grads_batched are PyTorch's; ValueError unless they have their defaults.
    """
    if only_inputs is not True:
        raise ValueError(f"grad: only_inputs={only_inputs!r} must be True; backward fills .grad")
    if is_grads_batched is not False:
        raise ValueError(
            f"grad: is_grads_batched={is_grads_batched!r} must be False; call it once for each"
        )
    if materialize_grads and allow_unused is False:
        raise ValueError("grad: materialize_grads=True leaves no meaning to allow_unused=False")
    outputs, inputs = as_tuple(outputs), as_tuple(inputs)
    seeds = (None,) * len(outputs) if grad_outputs is None else as_tuple(grad_outputs)
    if len(seeds) != len(outputs):
        raise ValueError(f"grad: {len(seeds)} grad_outputs for {len(outputs)} outputs")
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: inputs[{i}] does not require grad")
    seeds = [seed_gradient("grad", y, g) for y, g in zip(outputs, seeds, strict=True)]
    results: Any = run_backward(outputs, seeds, inputs, retain_graph, create_graph)
    for i, g in enumerate(results):
        if g is None and materialize_grads:
            results[i] = array_function.Tensor(np.zeros_like(inputs[i].array))
        elif g is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on inputs[{i}]; allow_unused=True gives None"
            )
    return tuple(results)


def backward(
    tensors: TensorOrTensors,
    grad_tensors: GradOutputs | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: TensorOrTensors | None = None,
) -> None:
    """Add sum_i grad_tensors_i * d tensors_i / d leaf to the `.grad` of every leaf of the graph.

    `inputs` restricts this to the given tensors, which may also be intermediate ones.
    `grad_tensors` (of the tensors' shapes) may be omitted, or None, for tensors of one element. The
    saved values are freed unless `retain_graph`; with `create_graph` the gradients have graphs of
    their own. Raises RuntimeError for a tensor without a graph, a missing gradient, a second pass
    through a freed graph, a saved tensor changed in place, or inputs that require no grad.
    """
    tensors = as_tuple(tensors)
    given = (None,) * len(tensors) if grad_tensors is None else as_tuple(grad_tensors)
    if len(given) != len(tensors):
        raise RuntimeError(f"backward: {len(given)} grad_tensors for {len(tensors)} tensors")
    seeds = [seed_gradient("backward", y, g) for y, g in zip(tensors, given, strict=True)]
    if inputs is None:
        run_backward(tensors, seeds, None, retain_graph, create_graph)
        return
    targets: list[Any] = list({id(x): x for x in as_tuple(inputs)}.values())
    if not targets:
        raise RuntimeError("backward: inputs is empty; leave it out to reach every leaf")
    for i, x in enumerate(targets):
        if not isinstance(x, array_function.Tensor):
            raise TypeError(f"backward: inputs[{i}] must be a Tensor, got {type(x).__name__}")
        if not x.requires_grad:
            raise RuntimeError(f"backward: inputs[{i}] does not require grad")
    found: Any = run_backward(tensors, seeds, targets, retain_graph, create_graph)
    for x, g in zip(targets, found, strict=True):
        if g is not None:
            accumulate(x, g, create_graph)


def as_tuple(x: Any) -> tuple[Any, ...]:
    """A tensor as a tuple of one, a sequence as a tuple."""
    return (x,) if isinstance(x, array_function.Tensor) else tuple(x)


def seed_gradient(name: str, y: Tensor, g: Tensor | None) -> Tensor:
    """The initial gradient of a backward pass at the output `y`: `g`, checked, or 1."""
    if not y.requires_grad:
        raise RuntimeError(f"{name}: the tensor does not require grad and has no graph")
    if g is None:
        if y.array.size != 1:
            raise RuntimeError(
                f"{name}: a gradient must be given for a non-scalar tensor, shape {y.shape}"
            )
        return array_function.Tensor(np.ones_like(y.array))
    if not isinstance(g, array_function.Tensor):
        raise TypeError(f"{name}: gradient must be a Tensor, got {type(g).__name__}")
    if g.shape != y.shape:
        raise RuntimeError(f"{name}: gradient has shape {g.shape}, the tensor has shape {y.shape}")
    if devices.elsewhere and g.device != y.device:
        raise RuntimeError(f"{name}: the gradient is on {g.device}, the tensor on {y.device}")
    return g


def forget_grads(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Set gradients to None, or existing ones to zeros in place, without history."""
    for p in parameters:
        if set_to_none:
            p.grad = None
        elif p.grad is not None:
            p.grad = p.grad.detach()
            p.grad.zero_()


def check_gradient(x: Tensor, g: object) -> None:
    """Refuse `g` as the `.grad` of `x`: it must be a Tensor of its shape, dtype and device."""
    if not isinstance(g, array_function.Tensor):
        raise TypeError(f"grad: must be a Tensor or None, got {type(g).__name__}")
    if g is x:
        raise RuntimeError("grad: a tensor cannot be its own gradient")
    for what in ("shape", "dtype", "device"):
        if getattr(g, what) != getattr(x, what):
            raise RuntimeError(
                f"grad: a gradient of {what} {getattr(g, what)} does not fit a tensor of {what} "
                f"{getattr(x, what)}"
            )
