"""LBFGS: a quasi-Newton method that evaluates the loss several times per step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..autograd.modes import enable_grad
from ..kernels.matmul import one_blas_thread
from ..tensor.half import widened
from ..tensor.tensor import Tensor
from .built_in import BuiltInOptimizer
from .line_search import Point, strong_wolfe
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array

KEPT = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(BuiltInOptimizer):
    """Limited-memory BFGS (Nocedal & Wright 2006, algorithm 7.5), for full batches and few
    parameters, such as the pixels of one image.

    `step(closure)` runs up to max_iter iterations p = p + t d with d = -H g; H comes from the last
    history_size changes of p and g. t is lr, in the first iteration min(1, 1 / sum |g|) lr; with
    line_search_fn="strong_wolfe" a line search starts there. It stops early when the largest |g| is
    at most tolerance_grad, when the largest change of p or the change of the loss is at most
    tolerance_change, or after max_eval evaluations (5/4 max_iter if None).

    All parameters form one group; the state is stored under the first of them.

    Raises: ValueError for several groups, a negative lr or another line_search_fn.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
    ):
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, locals())

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the only group. Raises: ValueError for a second one."""
        if self.param_groups:
            raise ValueError("LBFGS: all parameters must be in one param group")
        super().add_param_group(param_group)

    def check_settings(self, group: Group) -> None:
        super().check_settings(group)
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ValueError(
                f"LBFGS: line_search_fn={group['line_search_fn']!r} must be None or 'strong_wolfe'"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Iterate, and return the loss of the closure's first call. The closure clears the
        gradients, computes the loss, calls its backward and returns it.

        Raises: TypeError without a closure.
        """
        if closure is None:
            raise TypeError(
                "LBFGS.step: closure must be a function that computes the loss, got None"
            )
        with enable_grad():
            first = closure()
        with one_blas_thread():
            self._iterate(closure, float(first))
        return first

    # ----------------------------------------------------------------------------- one step

    def _iterate(self, closure: Callable[[], Any], loss: float) -> None:
        (group,) = self.param_groups
        state = self.state[group["params"][0]]
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        grad, evaluations = self._grad(), 1
        if largest(grad) <= group["tolerance_grad"]:
            return
        memory = _Memory(state, group["history_size"])
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = memory.turn(grad)
            before, lr = loss, float(group["lr"])
            if state["n_iter"] == 1:
                lr *= min(1.0, 1.0 / float(abs(grad).sum()))
            memory.t, memory.loss = lr, loss
            slope = float(grad @ d)
            if slope > -group["tolerance_change"]:
                break
            last, calls = iteration == group["max_iter"], 0
            if group["line_search_fn"] is None:
                self._move(d, memory.t)
                if not last:  # nothing uses the loss after the last iteration
                    loss, grad, calls = self._loss(closure), self._grad(), 1
            else:
                start, here = Point(0, loss, grad, slope), self._copies()
                point, calls = strong_wolfe(
                    lambda t, d=d, here=here: self._at(closure, here, d, t),
                    start, memory.t, largest(d), group["max_eval"] - evaluations,
                )  # fmt: skip
                loss, grad, memory.t = point.loss, point.grad, point.t
                self._move(d, memory.t)
            evaluations += calls
            state["func_evals"] += calls
            if (
                last
                or evaluations >= group["max_eval"]
                or largest(grad) <= group["tolerance_grad"]
                or largest(d) * abs(memory.t) <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        memory.keep(state)

    def _loss(self, closure: Callable[[], Any]) -> float:
        with enable_grad():
            return float(closure())

    def _at(self, closure: Callable[[], Any], here: list[Array], d: Array, t: float) -> Point:
        """Evaluate the step t, then restore the parameters."""
        self._move(d, t)
        loss, grad = self._loss(closure), self._grad()
        for p, array in zip(self._params(), here, strict=True):
            p.array[...] = array
            p.bump_version()
        return Point(t, loss, grad, float(grad @ d))

    def _copies(self) -> list[Array]:
        return [p.array.copy() for p in self._params()]

    def _grad(self) -> Array:
        """All gradients in one vector, with zeros for missing ones."""
        parts = [np.zeros_like(p.array) if p.grad is None else p.grad.array for p in self._params()]
        return np.concatenate([widened(part).ravel() for part in parts])

    def _move(self, d: Array, t: float) -> None:
        """p = p + t d."""
        start = 0
        for p in self._params():
            part = d[start : start + p.numel()].reshape(p.shape)
            p.array[...] = widened(p.array) + part * t
            p.bump_version()
            start += p.numel()


class _Memory:
    """The last changes of gradients (y) and parameters (s), 1 / y s, and the last step."""

    def __init__(self, state: dict[str, Any], size: int):
        self.size = size
        d, t, ys, ss, ro, h, grad, loss = (state.get(name) for name in KEPT)
        self.d, self.t = _array(d), None if t is None else float(t)
        self.h, self.loss = 1.0 if h is None else float(h), loss
        self.ys: list[Array] = [x.array for x in ys or ()]
        self.ss: list[Array] = [x.array for x in ss or ()]
        self.ro, self.grad = [float(r) for r in ro or ()], _array(grad)

    def keep(self, state: dict[str, Any]) -> None:
        ys, ss = ([Tensor(x) for x in xs] for xs in (self.ys, self.ss))
        kept = Tensor(self.d), self.t, ys, ss, self.ro, self.h, Tensor(self.grad), self.loss
        state.update(zip(KEPT, kept, strict=True))

    def turn(self, grad: Array) -> Array:
        """Record the change to `grad`; return the direction d = -H grad of the next step."""
        if self.d is None or self.grad is None or self.t is None:
            self.d = -grad
        else:
            y, s = grad - self.grad, self.d * self.t
            curvature = float(y @ s)
            if curvature > 1e-10:
                for kept in (self.ys, self.ss, self.ro):
                    del kept[: len(kept) - self.size + 1]
                self.ys.append(y)
                self.ss.append(s)
                self.ro.append(1 / curvature)
                self.h = curvature / float(y @ y)
            self.d = self.two_loops(-grad)
        self.grad = grad.copy()
        return self.d

    def two_loops(self, q: Array) -> Array:
        """H q, algorithm 7.4."""
        changes = list(zip(self.ys, self.ss, self.ro, strict=True))
        shares: list[float] = []
        for y, s, ro in reversed(changes):
            shares.append(float(s @ q) * ro)
            q -= shares[-1] * y
        q *= self.h
        for (y, s, ro), share in zip(changes, reversed(shares), strict=True):
            q += (share - float(y @ q) * ro) * s
        return q


def largest(x: Array) -> float:
    """The largest absolute value, or NaN if one is present."""
    return float(abs(x).max()) if x.size else math.nan


def _array(x: Tensor | None) -> Array | None:
    return None if x is None else x.array
