"""RMSprop: steps divided by the root mean square of recent gradients."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..kernels.optimizer import rmsprop_step, rmsprop_steps
from .built_in import BuiltInOptimizer, all_buffers, buffers
from .captured import live_numbers
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class RMSprop(BuiltInOptimizer):
    """RMSprop (Tieleman & Hinton 2012), centered or not (Graves 2013).

        g = g + weight_decay p
        s = alpha s + (1 - alpha) g^2
        m = alpha m + (1 - alpha) g               if centered; then s - m^2 replaces s in u
        u = g / (sqrt(s) + eps)
        b = momentum b + u;  p = p - lr b         p = p - lr u without momentum

    eps is outside the root, as in PyTorch. TensorFlow, and with it the Inception papers (eps = 1),
    put it inside and start from s = 1, so their settings give different steps here.

    With maximize, g = -g first. capturable and foreach change nothing here.

    Raises: ValueError for negative settings or differentiable=True.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, locals())

    def check_settings(self, group: Group) -> None:
        super().check_settings(group)
        self.check_at_least_zero("alpha", group)

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        (s,) = buffers(state, param, "square_avg")
        (m,) = buffers(state, param, "grad_avg") if group["centered"] else (None,)
        (b,) = buffers(state, param, "momentum_buffer") if group["momentum"] else (None,)
        settings = (group[name] for name in ("alpha", "eps", "momentum", "weight_decay"))
        rmsprop_step(param, grad, s, m, b, float(group["lr"]), *settings)

    def update_together(
        self,
        params: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
        group: Group,
        skip: Array | None,
    ) -> None:
        ss = all_buffers(states, params, "square_avg")
        ms = all_buffers(states, params, "grad_avg") if group["centered"] else None
        bs = all_buffers(states, params, "momentum_buffer") if group["momentum"] else None
        settings = [
            group[name] for name in ("alpha", "eps", "momentum", "weight_decay", "maximize")
        ]
        live = live_numbers(partial(_numbers, group))
        lr = float(group["lr"])
        rmsprop_steps(params, grads, ss, ms, bs, lr, *settings, skip=skip, live=live)


def _numbers(group: Group) -> tuple[float, ...]:
    """The settings of rmsprop_steps that a captured graph reads."""
    sign, alpha = -1 if group["maximize"] else 1, group["alpha"]
    others = group["eps"], group["momentum"], group["weight_decay"]
    return sign, float(group["lr"]), alpha, 1 - alpha, *others
