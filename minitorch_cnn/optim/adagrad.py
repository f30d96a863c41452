"""Adagrad and Adadelta: steps scaled by the squares of all gradients so far, or of recent ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .built_in import BuiltInOptimizer, buffers, with_decay
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class Adagrad(BuiltInOptimizer):
    """Adagrad (Duchi et al. 2011).

        g = g + weight_decay p
        s = s + g^2                                   s starts at initial_accumulator_value
        p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    With maximize, g = -g first. foreach and fused change nothing here.

    Raises: ValueError for negative settings or differentiable=True.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1
        is_new = "sum" not in state
        (s,) = buffers(state, param, "sum")
        if is_new:
            s += group["initial_accumulator_value"]
        grad = with_decay(grad, param, group)
        rate = float(group["lr"]) / (1 + (state["step"] - 1) * group["lr_decay"])
        s += grad * grad
        param -= rate * grad / (np.sqrt(s) + group["eps"])


class Adadelta(BuiltInOptimizer):
    """Adadelta (Zeiler 2012, algorithm 1): recent steps set the scale of the next one.

        g = g + weight_decay p
        s = rho s + (1 - rho) g^2
        u = g sqrt(a + eps) / sqrt(s + eps)
        a = rho a + (1 - rho) u^2
        p = p - lr u

    With maximize, g = -g first. foreach and capturable change nothing here.

    Raises: ValueError for negative settings, rho outside [0, 1] or differentiable=True.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, locals())

    def check_settings(self, group: Group) -> None:
        super().check_settings(group)
        if not 0 <= group["rho"] <= 1:
            raise ValueError(f"Adadelta: rho={group['rho']} must be in [0, 1]")

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1  # for PyTorch's state dict
        s, a = buffers(state, param, "square_avg", "acc_delta")
        rho, eps = group["rho"], group["eps"]
        grad = with_decay(grad, param, group)
        s *= rho
        s += (1 - rho) * (grad * grad)
        step = np.sqrt(a + eps) / np.sqrt(s + eps) * grad
        a *= rho
        a += (1 - rho) * (step * step)
        param -= float(group["lr"]) * step
