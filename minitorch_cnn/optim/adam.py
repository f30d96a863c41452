"""Adam and AdamW: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..kernels.optimizer import adam_step
from .optimizer import (
    Group,
    Optimizer,
    Params,
    buffers,
    check_at_least_zero,
    check_fraction,
    check_same_steps,
)

if TYPE_CHECKING:
    from ..tensor.types import Array


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1); with amsgrad the largest s so far (Reddi et al. 2018).

        g = g + weight_decay p
        m = beta1 m + (1 - beta1) g,  m^ = m / (1 - beta1^t)
        s = beta2 s + (1 - beta2) g^2,  s^ = s / (1 - beta2^t)
        p = p - lr m^ / (sqrt(s^) + eps)

    With maximize, g = -g first; decoupled_weight_decay makes it AdamW. foreach, capturable and
    fused change nothing here.

    Raises: ValueError for negative settings, differentiable=True or betas outside [0, 1).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        name = type(self).__name__
        check_same_steps(name, differentiable=differentiable, foreach=foreach, fused=fused)
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, settings)

    def check_settings(self, group: Group) -> None:
        name = type(self).__name__
        check_at_least_zero(name, group, "lr", "eps", "weight_decay")
        beta1, beta2 = group["betas"]
        check_fraction(name, "beta1", beta1)
        check_fraction(name, "beta2", beta2)

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1
        m, s = buffers(state, param, "exp_avg", "exp_avg_sq")
        (largest,) = buffers(state, param, "max_exp_avg_sq") if group["amsgrad"] else (None,)
        decay = group["weight_decay"], group["decoupled_weight_decay"]
        settings = group["betas"], group["eps"], *decay
        lr = float(group["lr"])
        adam_step(param, grad, m, s, largest, state["step"], lr, *settings)


class AdamW(Adam):
    """Adam with decoupled weight decay, p = p (1 - lr weight_decay) (Loshchilov & Hutter 2019).

    Raises: as Adam.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
