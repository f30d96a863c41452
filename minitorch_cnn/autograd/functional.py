"""Derivatives of functions: jacobian, hessian, vjp, jvp, vhp, hvp.

fn takes Tensors and returns a Tensor or a tuple of them. J is the matrix of the derivatives of its
outputs with respect to its inputs, zero where an output does not depend on an input. As in PyTorch,
a tuple of inputs, or of outputs, gives a tuple of results. With `create_graph` the results can be
differentiated again, also with respect to the inputs; with `strict` an output that does not depend
on an input raises RuntimeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import array_function
from .grad import grad
from .modes import enable_grad

if TYPE_CHECKING:
    from ..tensor import Tensor
    from .grad import TensorOrTensors


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Func: TypeAlias = "Callable[..., TensorOrTensors]"


def jacobian(
    func: Func,
    inputs: TensorOrTensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
) -> Any:
    """Compute d func / d inputs, of shape (*output's shape, *input's shape).

    A tuple of outputs gives a tuple with an entry per output, each a tuple with an entry per input
    if the inputs are a tuple. This takes one backward pass per element of the output, also with
    `vectorize`.
    """
    from ..tensor.joining import stack

    call = _Call("jacobian", func, inputs, create_graph, strict)
    rows: list[Any] = []
    for i, y in enumerate(call.outputs):
        found: list[tuple[Tensor, ...]] = []
        for k in range(y.numel()):
            one = np.zeros(y.numel(), y.dtype)
            one[k] = 1
            v = array_function.Tensor(one.reshape(y.shape)).to(device=y.device)
            found.append(call.gradients((y,), (v,), f"output {i}"))
        rows.append(
            tuple(
                stack([g[j] for g in found]).reshape(*y.shape, *x.shape)
                if found
                else array_function.Tensor(np.zeros((*y.shape, *x.shape), x.dtype)).to(
                    device=x.device
                )
                for j, x in enumerate(call.inputs)
            )
        )
    rows = [row if call.many_inputs else row[0] for row in rows]
    return tuple(rows) if call.many_outputs else rows[0]


def hessian(
    func: Func,
    inputs: TensorOrTensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
) -> Any:
    """Compute the second derivatives of a function with one output element, by input pairs."""

    def slopes(*xs: Tensor) -> tuple[Tensor, ...]:
        y = func(*xs)
        if not isinstance(y, array_function.Tensor) or y.numel() != 1:
            raise RuntimeError("hessian: func must return one Tensor of one element")
        found: Sequence[Tensor | None] = [None] * len(xs)
        if y.requires_grad:
            found = grad(y.reshape(()), xs, create_graph=True, allow_unused=True)
        return tuple(_or_zeros(g, x) for g, x in zip(found, xs, strict=True))

    many = not isinstance(inputs, array_function.Tensor)
    found = jacobian(slopes, tuple(inputs) if many else (inputs,), create_graph, strict, vectorize)
    return found if many else found[0][0]


def vjp(
    func: Func,
    inputs: TensorOrTensors,
    v: TensorOrTensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Compute (func(inputs), v'J): `v` in the shapes of the outputs, optional for one element."""
    call = _Call("vjp", func, inputs, create_graph, strict)
    v = call.fitting(v, call.outputs, "outputs")
    found = call.gradients(call.outputs, v, "the outputs")
    return call.results(), found if call.many_inputs else found[0]


def jvp(
    func: Func,
    inputs: TensorOrTensors,
    v: TensorOrTensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Compute (func(inputs), J v): `v` in the shapes of the inputs, optional for one element.

    v'J is linear in v, and its derivative with respect to v, along v, is J v: two backward passes.
    """
    call = _Call("jvp", func, inputs, create_graph, strict)
    v = call.fitting(v, call.inputs, "inputs")
    with enable_grad():
        w = tuple(
            array_function.Tensor(np.zeros_like(y.array), requires_grad=True) for y in call.outputs
        )
        rows = call.gradients(call.outputs, w, "the outputs", create_graph=True)
        linear = [(g, t) for g, t in zip(rows, v, strict=True) if g.requires_grad]
        if not linear:
            found = tuple(array_function.Tensor(np.zeros_like(y.array)) for y in call.outputs)
        else:
            gs, ts = zip(*linear, strict=True)
            found = grad(gs, w, ts, create_graph=create_graph, allow_unused=True)
    found = tuple(_or_zeros(g, y) for g, y in zip(found, call.outputs, strict=True))
    return call.results(), found if call.many_outputs else found[0]


def vhp(
    func: Func,
    inputs: TensorOrTensors,
    v: TensorOrTensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Compute (func(inputs), v'H) for a function with one output element and Hessian H."""
    call = _Call("vhp", func, inputs, True, strict, keep_graph=create_graph)
    (y,) = call.outputs
    if y.numel() != 1:
        raise RuntimeError(f"vhp: func must return one element, got a tensor of shape {y.shape}")
    v = call.fitting(v, call.inputs, "inputs")
    with enable_grad():
        slopes = call.gradients((y.reshape(()),), (None,), "the output", create_graph=True)
        sloped = [(g, t) for g, t in zip(slopes, v, strict=True) if g.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(v)
        if sloped:
            gs, ts = zip(*sloped, strict=True)
            found = grad(gs, call.inputs, ts, create_graph=create_graph, allow_unused=True)
    found = tuple(_or_zeros(g, x) for g, x in zip(found, call.inputs, strict=True))
    call.create_graph = create_graph
    return call.results(), found if call.many_inputs else found[0]


def hvp(
    func: Func,
    inputs: TensorOrTensors,
    v: TensorOrTensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Compute (func(inputs), H v), which equals `vhp` because H is symmetric."""
    return vhp(func, inputs, v, create_graph, strict)


class _Call:
    """A function called on copies of its inputs, ready to be differentiated."""

    def __init__(
        self,
        name: str,
        func: Func,
        inputs: TensorOrTensors,
        create_graph: bool,
        strict: bool,
        keep_graph: bool | None = None,
    ) -> None:
        self.name, self.create_graph, self.strict = name, create_graph, strict
        self.many_inputs = not isinstance(inputs, array_function.Tensor)
        history = create_graph if keep_graph is None else keep_graph
        given: tuple[Any, ...] = tuple(inputs) if self.many_inputs else (inputs,)
        for i, x in enumerate(given):
            if not isinstance(x, array_function.Tensor):
                raise TypeError(f"{name}: inputs[{i}] must be a Tensor, got {type(x).__name__}")
        with enable_grad():
            # Copies, so that the caller's own gradients are not affected.
            self.inputs: tuple[Tensor, ...] = tuple(
                x * 1 if history and x.requires_grad else x.detach().requires_grad_() for x in given
            )
            outputs: Any = func(*self.inputs)
        self.many_outputs = not isinstance(outputs, array_function.Tensor)
        self.outputs: tuple[Tensor, ...] = tuple(outputs) if self.many_outputs else (outputs,)
        for i, y in enumerate(self.outputs):
            if not isinstance(y, array_function.Tensor):
                raise TypeError(
                    f"{name}: func must return Tensors, its output {i} is {type(y).__name__}"
                )

    def results(self) -> TensorOrTensors:
        """The function's results, without history unless create_graph is set."""
        outputs = self.outputs if self.create_graph else tuple(y.detach() for y in self.outputs)
        return outputs if self.many_outputs else outputs[0]

    def fitting(
        self, v: TensorOrTensors | None, wanted: tuple[Tensor, ...], what: str
    ) -> tuple[Tensor, ...]:
        """`v` as one Tensor per tensor of `wanted`; ones where it may be omitted."""
        if v is None:
            if len(wanted) != 1 or wanted[0].numel() != 1:
                raise RuntimeError(
                    f"{self.name}: v must be given where the {what} are not one number"
                )
            return (array_function.Tensor(np.ones_like(wanted[0].array)),)
        given = (v,) if isinstance(v, array_function.Tensor) else tuple(v)
        shapes = [tuple(t.shape) for t in given], [tuple(t.shape) for t in wanted]
        if shapes[0] != shapes[1]:
            raise RuntimeError(
                f"{self.name}: v of shapes {shapes[0]} must have those of the {what}, {shapes[1]}"
            )
        return given

    def gradients(
        self,
        outputs: Sequence[Tensor],
        seeds: Sequence[Tensor | None],
        what: str,
        create_graph: bool | None = None,
    ) -> tuple[Tensor, ...]:
        """The gradients of outputs with respect to inputs, weighted by seeds; zeros for none."""
        pairs = [(y, s) for y, s in zip(outputs, seeds, strict=True) if y.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(self.inputs)
        if pairs:
            ys, ss = zip(*pairs, strict=True)
            graph = self.create_graph if create_graph is None else create_graph
            found = grad(ys, self.inputs, ss, True, graph, allow_unused=True)
        if self.strict and None in found:
            raise RuntimeError(
                f"{self.name}: {what} does not depend on inputs[{found.index(None)}]; strict=True "
                "refuses that"
            )
        return tuple(_or_zeros(g, x) for g, x in zip(found, self.inputs, strict=True))


def _or_zeros(g: Tensor | None, x: Tensor) -> Tensor:
    return array_function.Tensor(np.zeros_like(x.array)) if g is None else g
