"""Adam and AdamW: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..kernels.cuda.graph import capturing
from ..kernels.optimizer import adam_step, adam_steps, counted_adam_steps
from .built_in import BuiltInOptimizer, all_buffers, among, buffers, by_step
from .captured import counted_on_device, live_numbers
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class Adam(BuiltInOptimizer):
    """Adam (Kingma & Ba 2015, algorithm 1); amsgrad uses the largest s so far (Reddi et al. 2018).

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
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        state["step"] = state.get("step", 0) + 1
        m, s = buffers(state, param, "exp_avg", "exp_avg_sq")
        (largest,) = buffers(state, param, "max_exp_avg_sq") if group["amsgrad"] else (None,)
        decay = group["weight_decay"], group["decoupled_weight_decay"]
        settings = group["betas"], group["eps"], *decay
        lr = float(group["lr"])
        adam_step(param, grad, m, s, largest, state["step"], lr, *settings)

    def update_together(
        self,
        params: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
        group: Group,
        skip: Array | None,
    ) -> None:
        lists: list[Any] = [params, grads]
        for name in ("exp_avg", "exp_avg_sq"):
            lists.append(all_buffers(states, params, name))
        amsgrad = group["amsgrad"]
        lists.append(all_buffers(states, params, "max_exp_avg_sq") if amsgrad else None)
        if capturing() is not None:
            live: Any = live_numbers(partial(_numbers, group))
            for count, chosen in counted_on_device(states):
                ps, gs, ms, ss, largest = (among(chosen, arrays) for arrays in lists)
                counted_adam_steps(ps, gs, ms, ss, largest, count.array, live, skip)
            return
        settings = float(group["lr"]), group["betas"], group["eps"], group["weight_decay"]
        settings = *settings, group["decoupled_weight_decay"], group["maximize"], skip
        for step, chosen in by_step(states).items():
            ps, gs, ms, ss, largest = (among(chosen, arrays) for arrays in lists)
            adam_steps(ps, gs, ms, ss, largest, step, *settings)


def _numbers(group: Group) -> tuple[float, ...]:
    """The settings of adam_steps that a captured graph reads."""
    sign, decoupled = -1 if group["maximize"] else 1, group["decoupled_weight_decay"]
    others = group["eps"], group["weight_decay"], float(decoupled)
    return sign, float(group["lr"]), *group["betas"], *others


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
        arguments = {**locals(), "decoupled_weight_decay": True}
        BuiltInOptimizer.__init__(self, params, arguments)
