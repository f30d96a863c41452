"""LARS: layer-wise adaptive rates, for large batches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.matmul import one_blas_thread
from ..kernels.optimizer import lars_step, lars_steps
from .built_in import BuiltInOptimizer, all_buffers, buffers
from .captured import live_numbers
from .optimizer import Group, Params

if TYPE_CHECKING:
    from ..tensor.types import Array


class LARS(BuiltInOptimizer):
    """SGD whose rate follows each parameter's ratio of norms (You et al. 2017, algorithm 1).

        rate = lr * trust_coefficient * |p| / (|g| + weight_decay |p|)
        v = momentum v + rate (g + weight_decay p)
        p = p - v

    If either norm is 0 the rate is lr; otherwise a bias that starts at 0 would stay there. As in
    the paper, and unlike in SGD, the momentum includes the rate.

    Raises: ValueError for negative settings.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
    ):
        super().__init__(params, locals())

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        rate, decay = float(group["lr"]), group["weight_decay"]
        with one_blas_thread():  # NumPy computes norms with BLAS
            p_norm, g_norm = float(np.linalg.norm(param)), float(np.linalg.norm(grad))
        if p_norm and g_norm:
            rate *= group["trust_coefficient"] * p_norm / (g_norm + decay * p_norm)
        (v,) = buffers(state, param, "momentum_buffer")
        lars_step(param, grad, v, rate, group["momentum"], decay)

    def update_together(
        self,
        params: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
        group: Group,
        skip: Array | None,
    ) -> None:
        vs = all_buffers(states, params, "momentum_buffer")
        names = "trust_coefficient", "momentum", "weight_decay", "maximize"
        settings = [group[name] for name in names]
        live = live_numbers(partial(_numbers, group))
        lars_steps(params, grads, vs, float(group["lr"]), *settings, skip=skip, live=live)


def _numbers(group: Group) -> tuple[float, ...]:
    """The settings of lars_steps that a captured graph reads."""
    sign, trust = -1 if group["maximize"] else 1, group["trust_coefficient"]
    return sign, float(group["lr"]), trust, group["momentum"], group["weight_decay"]
