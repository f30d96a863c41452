"""Adamax, NAdam, RAdam: Adam with a maximum norm, with Nesterov momentum, and rectified."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .built_in import BuiltInOptimizer, buffers, with_decay
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class _Moments(BuiltInOptimizer):
    """Base of NAdam and RAdam: weight decay and running means."""

    def _decayed(self, param: Array, grad: Array, group: Group) -> Array:
        """Return the gradient with weight decay; decoupled decay changes the parameter instead."""
        if not group["decoupled_weight_decay"]:
            return with_decay(grad, param, group)
        param *= 1 - float(group["lr"]) * group["weight_decay"]
        return grad

    def _moments(
        self, param: Array, grad: Array, state: dict[str, Any], group: Group
    ) -> tuple[int, Array, Array]:
        """Update both running means; return the step count and the means."""
        state["step"] = state.get("step", 0) + 1
        m, s = buffers(state, param, "exp_avg", "exp_avg_sq")
        beta1, beta2 = group["betas"]
        m *= beta1
        m += (1 - beta1) * grad
        s *= beta2
        s += (1 - beta2) * (grad * grad)
        return state["step"], m, s


class Adamax(BuiltInOptimizer):
    """Adamax (Kingma & Ba 2015, algorithm 2): Adam scaled by the largest recent gradient.

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g
        u = max(beta2 u, |g| + eps)
        p = p - lr / (1 - beta1^t) m / u

    With maximize, g = -g first. foreach and capturable change nothing here.

    Raises: ValueError for negative settings, differentiable=True or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1
        m, u = buffers(state, param, "exp_avg", "exp_inf")
        beta1, beta2 = group["betas"]
        grad = with_decay(grad, param, group)
        m *= beta1
        m += (1 - beta1) * grad
        u *= beta2
        np.maximum(u, np.abs(grad) + group["eps"], out=u)
        param -= float(group["lr"]) / (1 - beta1 ** state["step"]) * m / u


class NAdam(_Moments):
    """NAdam (Dozat 2016): Adam with Nesterov momentum, which grows with the steps.

        g = g + weight_decay p
        mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 ... mu_t
        m = beta1 m + (1 - beta1) g
        s = beta2 s + (1 - beta2) g^2,  s^ = s / (1 - beta2^t)
        m^ = mu_(t+1) m / (1 - M_(t+1)) + (1 - mu_t) g / (1 - M_t)
        p = p - lr m^ / (sqrt(s^) + eps)

    With decoupled_weight_decay, p = p (1 - lr weight_decay) instead of the first line; with
    maximize, g = -g first. foreach and capturable change nothing here.

    Raises: ValueError for negative settings, differentiable=True or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        grad = self._decayed(param, grad, group)
        t, m, s = self._moments(param, grad, state, group)
        (beta1, beta2), lr = group["betas"], float(group["lr"])
        now, following = (
            beta1 * (1 - 0.5 * 0.96 ** (i * group["momentum_decay"])) for i in (t, t + 1)
        )
        product = state["mu_product"] = state.get("mu_product", 1.0) * now
        ahead = following / (1 - product * following) * m + (1 - now) / (1 - product) * grad
        param -= lr * ahead / (np.sqrt(s / (1 - beta2**t)) + group["eps"])


class RAdam(_Moments):
    """RAdam (Liu et al. 2020): Adam with small first steps, while s rests on few gradients.

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g,  m^ = m / (1 - beta1^t)
        s = beta2 s + (1 - beta2) g^2
        R = 2 / (1 - beta2) - 1,  r = R - 2 t beta2^t / (1 - beta2^t)
        p = p - lr m^ sqrt((r-4)(r-2)R / ((R-4)(R-2)r)) sqrt(1 - beta2^t) / (sqrt(s) + eps)
        p = p - lr m^                                                           where r <= 5

    With decoupled_weight_decay, p = p (1 - lr weight_decay) instead of the first line; with
    maximize, g = -g first. foreach and capturable change nothing here.

    Raises: ValueError for negative settings, differentiable=True or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        grad = self._decayed(param, grad, group)
        t, m, s = self._moments(param, grad, state, group)
        beta1, beta2 = group["betas"]
        rate, left = float(group["lr"]) / (1 - beta1**t), 1 - beta2**t
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * t * beta2**t / left
        if length <= 5:
            param -= rate * m
            return
        held = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        param -= rate * math.sqrt(held * left) * m / (np.sqrt(s) + group["eps"])
