"""SGD: stochastic gradient descent with momentum, Nesterov momentum and weight decay."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..kernels.optimizer import sgd_step, sgd_steps
from .built_in import BuiltInOptimizer, all_buffers, among, buffers
from .captured import live_numbers
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class SGD(BuiltInOptimizer):
    """Gradient descent with momentum of either kind (Sutskever et al. 2013).

        g = g + weight_decay p
        v = momentum v + (1 - dampening) g        v = g at the first step
        g = g + momentum v if nesterov else v
        p = p - lr g

    With maximize, g = -g first. foreach and fused change nothing here.

    Raises: ValueError for negative settings, differentiable=True, or nesterov without momentum or
    with dampening.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(params, locals())

    def check_settings(self, group: Group) -> None:
        super().check_settings(group)
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov=True needs momentum={group['momentum']} above 0 "
                f"and dampening={group['dampening']} equal to 0"
            )

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        momentum = group["momentum"]
        gain = 1 - group["dampening"] if "momentum_buffer" in state else 1
        (v,) = buffers(state, param, "momentum_buffer") if momentum else (None,)
        settings = momentum, gain, group["weight_decay"], group["nesterov"]
        sgd_step(param, grad, v, float(group["lr"]), *settings)

    def update_together(
        self,
        params: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
        group: Group,
        skip: Array | None,
    ) -> None:
        momentum, decay, up = group["momentum"], group["weight_decay"], group["maximize"]
        gains: dict[float, list[int]] = {}
        for i, state in enumerate(states):
            gain = 1 - group["dampening"] if "momentum_buffer" in state else 1
            gains.setdefault(gain, []).append(i)
        vs = all_buffers(states, params, "momentum_buffer") if momentum else None
        for gain, chosen in gains.items():
            ps, gs, of_chosen = (among(chosen, arrays) for arrays in (params, grads, vs))
            settings = momentum, gain, decay, group["nesterov"], up, skip
            live = live_numbers(partial(_numbers, group, gain))
            sgd_steps(ps, gs, of_chosen, float(group["lr"]), *settings, live)


def _numbers(group: Group, gain: float) -> tuple[float, ...]:
    """The settings of sgd_steps that a captured graph reads; `gain` is 1 at the first step."""
    gain = gain if gain == 1 else 1 - group["dampening"]
    sign = -1 if group["maximize"] else 1
    return sign, float(group["lr"]), group["momentum"], gain, group["weight_decay"]
