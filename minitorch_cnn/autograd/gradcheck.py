"""gradcheck: compare the backward pass with central differences in float64.

Cotangents and directions are random. With cotangents of ones whole classes of errors would pass:
the sum of a batch norm's output has gradient zero, whatever its backward returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from . import array_function
from .grad import as_tuple, grad

if TYPE_CHECKING:
    from ..tensor import Tensor
    from ..tensor.types import Array
    from .functional import Func
    from .grad import TensorOrTensors


# Inputs and outputs of up to this many elements are compared element by element. Along a direction
# the tolerance for all other elements would hide an error in one.
FULL_JACOBIAN = 2048
FEW = 64  # elements that a sparse direction changes


def gradcheck(
    fn: Func,
    inputs: TensorOrTensors,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    seed: int = 0,
    fast_mode: bool = False,
) -> bool:
    """Compare the gradient of `fn` with (f(x + eps) - f(x - eps)) / (2 eps).

    `fn(*inputs)` returns a Tensor or a tuple of them; the inputs that require grad, all float64,
    are varied. Each pair of an input and an output of up to 2,048 elements is compared over its
    whole Jacobian. Every input is also compared along random directions u with a random cotangent
    v, <v, f(x + eps u) - f(x - eps u)> / (2 eps) against <J'v, u>; larger inputs along more
    directions, most of which change only 64 elements. fast_mode skips the Jacobians: it is for
    modules with many weights whose ops are checked separately. Choose inputs away from kinks (ReLU
    at 0, ties of a max).

    Raises ValueError for inputs that are not float64, RuntimeError naming the op, the index and
    both values where |analytic - numeric| > atol + rtol |numeric| (with `raise_exception=False` it
    returns False instead).
    """
    inputs = as_tuple(inputs)
    varied = [
        i for i, x in enumerate(inputs) if isinstance(x, array_function.Tensor) and x.requires_grad
    ]
    if not varied:
        raise ValueError("gradcheck: none of the inputs requires grad")
    for i in varied:
        if inputs[i].dtype != np.float64:
            raise ValueError(f"gradcheck: inputs[{i}] has dtype {inputs[i].dtype}, must be float64")
    check = _Check(fn, inputs, varied, eps, atol, rtol, np.random.default_rng(seed))
    try:
        if not fast_mode:
            check.jacobians()
        check.directions()
    except GradientMismatch:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    fn: Func,
    inputs: TensorOrTensors,
    grad_outputs: TensorOrTensors | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    seed: int = 0,
) -> bool:
    """Check the second derivatives of `fn`: gradcheck of J'v with respect to the inputs and v.

    `grad_outputs` (a Tensor or tuple) are the cotangents v, random by default.
    """
    inputs = as_tuple(inputs)
    rng = np.random.default_rng(seed + 1)
    outputs = differentiable(as_tuple(fn(*inputs)))
    if grad_outputs is None:
        seeds = tuple(
            array_function.Tensor(_beside(y, rng.standard_normal(y.shape)), requires_grad=True)
            for y in outputs
        )
    else:
        seeds = as_tuple(grad_outputs)
    varied = [
        i for i, x in enumerate(inputs) if isinstance(x, array_function.Tensor) and x.requires_grad
    ]

    def first_derivative(*args: Tensor) -> tuple[Tensor, ...]:
        args, cotangents = args[: len(inputs)], args[len(inputs) :]
        ys = differentiable(as_tuple(fn(*args)))
        results = grad(
            ys, [args[i] for i in varied], cotangents, create_graph=True, allow_unused=True
        )
        # A gradient without a graph is a constant, which is also compared with the slope.
        zero = sum((v * 0).sum() for v in cotangents)
        return tuple(g if g.requires_grad else g + zero for g in results if g is not None)

    first_derivative.__name__ = f"the gradient of {_name(fn)}"
    return gradcheck(first_derivative, (*inputs, *seeds), eps, atol, rtol, raise_exception, seed)


class GradientMismatch(RuntimeError):
    """The gradient differs from the numerical slope."""


def differentiable(outputs: Iterable[Tensor]) -> tuple[Tensor, ...]:
    """The outputs that have a gradient; integer outputs, such as indices, have none."""
    return tuple(y for y in outputs if y.requires_grad)


class _Check:
    def __init__(
        self,
        fn: Func,
        inputs: tuple[Any, ...],
        varied: list[int],
        eps: float,
        atol: float,
        rtol: float,
        rng: np.random.Generator,
    ) -> None:
        self.fn, self.inputs, self.varied, self.eps, self.rng = fn, inputs, varied, eps, rng
        self.atol, self.rtol = atol, rtol
        self.outputs: tuple[Tensor, ...] = as_tuple(fn(*inputs))
        self.checked = [j for j, y in enumerate(self.outputs) if y.requires_grad]
        if not self.checked:
            raise GradientMismatch(f"gradcheck: {_name(fn)} returned no output that requires grad")

    def op(self, j: int) -> str:
        return f"{_name(self.fn)} ({type(self.outputs[j]._node).__name__})"

    def slope(self, steps: dict[int, Array]) -> list[Array]:
        """(f(x + eps steps) - f(x - eps steps)) / (2 eps) per output; steps: {input: array}."""
        values: list[list[Array]] = []
        for sign in (1, -1):
            moved = [
                array_function.Tensor(
                    x.array + _beside(x, sign * self.eps * steps[i]), requires_grad=True
                )
                if i in steps
                else x
                for i, x in enumerate(self.inputs)
            ]
            # Not under no_grad, because fn may differentiate inside.
            ys = as_tuple(self.fn(*moved))
            if len(ys) != len(self.outputs):
                raise GradientMismatch(
                    f"gradcheck: {_name(self.fn)} returns another number of outputs nearby"
                )
            values.append([devices.to_host(ys[j].array).astype(np.float64) for j in self.checked])
        return [(up - down) / (2 * self.eps) for up, down in zip(*values, strict=True)]

    def gradient(self, j: int, cotangent: Array) -> list[Array]:
        """J'v of output j for each varied input, zeros if they are independent."""
        xs, y = [self.inputs[i] for i in self.varied], self.outputs[j]
        v = array_function.Tensor(_beside(y, cotangent))
        results = grad(y, xs, v, retain_graph=True, allow_unused=True)
        return [
            np.zeros(x.shape) if g is None else devices.to_host(g.array)
            for x, g in zip(xs, results, strict=True)
        ]

    def jacobians(self) -> None:
        """Compare element by element, for small inputs and outputs."""
        outputs = [j for j in self.checked if 0 < self.outputs[j].array.size <= FULL_JACOBIAN]
        if not outputs:
            return
        numeric = {
            position: self.columns(i)
            for position, i in enumerate(self.varied)
            if 0 < self.inputs[i].array.size <= FULL_JACOBIAN
        }
        for j in outputs if numeric else ():
            y: Array = self.outputs[j].array
            for row in range(y.size):
                v: Array = np.zeros(y.size)
                v[row] = 1
                gradients = self.gradient(j, v.reshape(y.shape))
                for position, columns in numeric.items():
                    self.compare(
                        j,
                        self.varied[position],
                        gradients[position].ravel(),
                        columns[self.checked.index(j)][:, row],
                        f"output element {row}",
                    )

    def columns(self, i: int) -> list[Array]:
        """The slopes of every checked output by input i: (elements of i, elements of output)."""
        x = self.inputs[i].array
        slopes: list[list[Array]] = []
        for k in range(x.size):
            step = np.zeros(x.size)
            step[k] = 1
            slopes.append(self.slope({i: step.reshape(x.shape)}))
        return [
            np.stack([slope.ravel() for slope in of_output])
            for of_output in zip(*slopes, strict=True)
        ]

    def directions(self) -> None:
        """Compare along random directions with random cotangents, one input after another."""
        for position, i in enumerate(self.varied):
            size, shape = self.inputs[i].array.size, self.inputs[i].shape
            large = size > FULL_JACOBIAN or max(y.array.size for y in self.outputs) > FULL_JACOBIAN
            for repeat in range(16 if large else 2):
                u: Array = self.rng.standard_normal(shape)
                if repeat > 1 and size > FEW:
                    kept = np.zeros(size, bool)
                    kept[self.rng.choice(size, FEW, replace=False)] = True
                    u = u * kept.reshape(shape)
                slopes = self.slope({i: u})
                for j, slope in zip(self.checked, slopes, strict=True):
                    self.along(j, i, position, u, slope)

    def along(self, j: int, i: int, position: int, u: Array, slope: Array) -> None:
        """Compare the slope of output j along the direction u of input i."""
        v = self.rng.standard_normal(slope.shape)
        gx = self.gradient(j, v)[position]
        if gx.shape != u.shape:
            raise GradientMismatch(
                f"gradcheck: {self.op(j)}: the gradient of inputs[{i}] has shape {gx.shape}, not "
                f"{u.shape}"
            )
        analytic, numeric = np.array([(gx * u).sum()]), np.array([(v * slope).sum()])
        self.compare(j, i, analytic, numeric, "a random direction")

    def compare(self, j: int, i: int, analytic: Array, numeric: Array, what: str) -> None:
        wrong = ~(np.abs(analytic - numeric) <= self.atol + self.rtol * np.abs(numeric))
        if wrong.any():
            k = int(np.argmax(wrong))
            at = np.unravel_index(k, self.inputs[i].shape) if numeric.size > 1 else ()
            raise GradientMismatch(
                f"gradcheck: {self.op(j)}: d output {j} / d inputs[{i}] of {what}"
                f"{f' at index {tuple(map(int, at))}' if at else ''}: "
                f"analytic {analytic[k]:.9g}, numeric {numeric[k]:.9g}"
            )


def _beside(x: Tensor, array: Array) -> Array:
    """`array` on the device of the Tensor `x`."""
    return devices.moved(array, x.device, "gradcheck")


def _name(fn: object) -> str:
    return getattr(fn, "__name__", type(fn).__name__)
