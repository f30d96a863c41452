"""Rprop, which uses only the signs of gradients, and ASGD, which averages its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .built_in import BuiltInOptimizer, buffers, with_decay
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class Rprop(BuiltInOptimizer):
    """Rprop (Riedmiller & Braun 1993): one step size per weight, for full batches.

        s = s etas[1] where g and the previous gradient agree in sign, s etas[0] where they differ,
        clamped to step_sizes; then g = 0 where they differ
        p = p - s sign(g)

    s starts at lr. With maximize, g = -g first. foreach and capturable change nothing here.

    Raises: ValueError for a negative lr, differentiable=True, or unless 0 < etas[0] < 1 < etas[1].
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, locals())

    def check_settings(self, group: Group) -> None:
        super().check_settings(group)
        shrink, grow = group["etas"]
        if not 0 < shrink < 1 < grow:
            raise ValueError(f"Rprop: etas={group['etas']} must be below and above 1, both above 0")

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1  # for PyTorch's state dict
        is_new = "step_size" not in state
        before, size = buffers(state, param, "prev", "step_size")
        if is_new:
            size += float(group["lr"])
        shrink, grow = group["etas"]
        agreement = np.sign(grad * before)
        size *= np.where(agreement > 0, grow, np.where(agreement < 0, shrink, 1)).astype(size.dtype)
        least, largest = group["step_sizes"]
        size.clip(least, largest, out=size)
        before[...] = np.where(agreement < 0, 0, grad)
        param -= np.sign(before) * size


class ASGD(BuiltInOptimizer):
    """Averaged SGD (Polyak & Juditsky 1992) with Bottou's schedule.

        g = g + weight_decay p
        p = (1 - lambd eta) p - eta g
        ax = ax + mu (p - ax)              the average, in the state; equal to p until step t0
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)

    eta starts at lr, mu at 1. With maximize, g = -g first. foreach and capturable change nothing
    here.

    Raises: ValueError for a negative lr or weight_decay or differentiable=True.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        lr, lambd = float(group["lr"]), group["lambd"]
        state["step"] = step = state.get("step", 0) + 1
        eta, mu = state.get("eta", lr), state.get("mu", 1.0)
        (average,) = buffers(state, param, "ax")
        grad = with_decay(grad, param, group)
        param *= 1 - lambd * eta
        param -= eta * grad
        average += mu * (param - average)
        state["eta"] = lr / (1 + lambd * lr * step) ** group["alpha"]
        state["mu"] = 1 / max(1.0, step - group["t0"])
