"""BuiltInOptimizer: the base of this package's optimizers, with the rules of their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..kernels.cuda.graph import refuse
from .optimizer import Group, Optimizer, Params

if TYPE_CHECKING:
    from ..tensor.types import Array

# Arguments that are not settings of a group: those that speed up PyTorch's steps on a GPU, which
# change nothing here, and a differentiable step, which is refused.
NO_SETTINGS = ("foreach", "fused", "capturable", "differentiable")
NOT_NEGATIVE = (  # the settings that must be at least 0 in every optimizer
    "lr",
    "lr_decay",
    "momentum",
    "momentum_decay",
    "weight_decay",
    "eps",
    "initial_accumulator_value",
    "trust_coefficient",
)


class BuiltInOptimizer(Optimizer):
    """An optimizer whose settings are its constructor's arguments, checked by name.

    arguments: the constructor's `locals()`, so that it names every setting only once.
    """

    def __init__(self, params: Params, arguments: dict[str, Any]):
        name = type(self).__name__
        if arguments.get("differentiable"):
            raise ValueError(
                f"{name}: differentiable=True is not supported: steps change parameters in place, "
                "outside the graph"
            )
        if arguments.get("foreach") and arguments.get("fused"):
            raise ValueError(f"{name}: foreach=True and fused=True exclude each other")
        others = ("self", "__class__", "params", *NO_SETTINGS)
        super().__init__(params, {k: v for k, v in arguments.items() if k not in others})

    def check_settings(self, group: Group) -> None:
        for setting in NOT_NEGATIVE:
            if setting in self.defaults:
                self.check_at_least_zero(setting, group)
        for number, beta in enumerate(group.get("betas", ()), 1):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__}: beta{number}={beta} must be in [0, 1)")

    def check_at_least_zero(self, setting: str, group: Group) -> None:
        """Check that settings are at least 0, and not NaN. Raises: ValueError."""
        if not group[setting] >= 0:
            raise ValueError(
                f"{type(self).__name__}: {setting}={group[setting]} must not be negative"
            )


def buffers(state: dict[str, Any], p: Array, *names: str) -> list[Array]:
    """A parameter's state under these names, on its device; new entries are zeros."""
    for name in names:
        if name not in state:
            refuse(f"a first step, which makes {name},")
            state[name] = np.zeros(p.shape, p.dtype, like=p)
        elif devices.elsewhere:
            state[name] = devices.moved(state[name], devices.device_of(p), "Optimizer")
    return [state[name] for name in names]


def all_buffers(states: list[dict[str, Any]], params: list[Array], name: str) -> list[Array]:
    """The state under a name of several parameters; see `buffers`."""
    return [buffers(state, p, name)[0] for state, p in zip(states, params, strict=True)]


def among(chosen: list[int], arrays: Any) -> Any:
    """The arrays of these numbers; None for None."""
    return None if arrays is None else [arrays[i] for i in chosen]


def by_step(states: list[dict[str, Any]]) -> dict[int, list[int]]:
    """Count a step of each parameter; the numbers of the parameters by their count, usually one."""
    found: dict[int, list[int]] = {}
    for i, state in enumerate(states):
        state["step"] = state.get("step", 0) + 1
        found.setdefault(state["step"], []).append(i)
    return found


def with_decay(grad: Array, param: Array, group: Group) -> Array:
    """g + weight_decay p."""
    return grad + group["weight_decay"] * param if group["weight_decay"] else grad
