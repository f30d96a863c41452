"""Steps of optimizers in a captured graph: settings and counts that the device reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..kernels.cuda.graph import capturing, fill

if TYPE_CHECKING:
    from ..tensor.tensor import Tensor
    from ..tensor.types import Array


class CapturedStep:
    """A captured step of some parameters of a group, which each replay takes again.

    It refuses a replay after a change that the graph would not see: other memory of a parameter or
    of its state, or another setting that is not a number.
    """

    def __init__(
        self,
        optimizer: Any,
        group: Mapping[str, Any],
        params: list[Tensor],
        arrays: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
    ):
        self.optimizer, self.group, self.params = optimizer, group, params
        self.arrays = arrays
        self.kept = grads  # the memory that the graph reads
        self.memory = [(s, k, v) for s in states for k, v in s.items() if devices.is_array(v)]
        self.frozen = self._switches()

    def _switches(self) -> dict[str, Any]:
        """The settings that are compiled into the graph: all but numbers, and which of these are
        zero."""
        given = {k: v for k, v in self.group.items() if k not in ("params", "param_names")}
        numbers = {k: bool(v) for k, v in given.items() if k in ("momentum",)}
        others = {k: v for k, v in given.items() if v is None or isinstance(v, bool)}
        return numbers | others

    def check(self) -> None:
        """Raises: RuntimeError for a change that needs a new graph."""
        name = type(self.optimizer).__name__
        if not any(group is self.group for group in self.optimizer.param_groups):
            raise RuntimeError(
                f"graphed: the settings and the state of {name} were loaded after the capture; "
                "reset() captures anew"
            )
        for p, array in zip(self.params, self.arrays, strict=True):
            if p.array is not array:
                raise RuntimeError(
                    f"graphed: the memory of a parameter of {name}, of shape {p.shape}, was "
                    "replaced after the capture; reset() captures anew"
                )
        for state, key, value in self.memory:
            if state.get(key) is not value:
                raise RuntimeError(
                    f"graphed: {key} of {name} was replaced after the capture; reset() captures "
                    "anew"
                )
        now = self._switches()
        if now != self.frozen:
            key = next(k for k in now.keys() | self.frozen if now.get(k) != self.frozen.get(k))
            raise RuntimeError(
                f"graphed: {key} of {name} was changed after the capture; reset() captures anew"
            )

    def done(self) -> None:
        """After a replay: the parameters have changed."""
        for p in self.params:
            p.bump_version()


def live_numbers(read: Callable[[], Sequence[float]]) -> Array | None:
    """What read() returns at each replay, as an array of the device; None without a capture."""
    capture = capturing()
    return None if capture is None else capture.numbers(read)


class DeviceCount:
    """A count of steps that a captured graph keeps on the device: an int, once it is read."""

    def __init__(self, array: Array):
        self.array = array

    def __int__(self) -> int:
        return int(devices.to_host(self.array))

    __index__ = __int__

    def __add__(self, more: int) -> int:
        return int(self) + more

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))

    def __repr__(self) -> str:
        return str(int(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> int:
        return int(self)


def counted_on_device(states: list[dict[str, Any]]) -> list[tuple[DeviceCount, list[int]]]:
    """The counts of steps, which a graph keeps on the device, and the parameters' numbers."""
    capture: Any = capturing()
    found: dict[int, list[int]] = {}
    for i, state in enumerate(states):
        found.setdefault(int(state.get("step", 0)), []).append(i)
    counts: list[tuple[DeviceCount, list[int]]] = []
    for step, chosen in found.items():
        count = DeviceCount(capture.constant(np.array(step, np.int64)))
        of_count = [states[i] for i in chosen]
        before = [state.get("step") for state in of_count]
        capture.undo.append(partial(_restore, of_count, before))
        capture.refreshers.append(partial(_take_over, of_count, count))
        for state in of_count:
            state["step"] = count
        counts.append((count, chosen))
    return counts


def _restore(states: list[dict[str, Any]], steps: list[Any]) -> None:
    for state, step in zip(states, steps, strict=True):
        if step is None:
            state.pop("step", None)
        else:
            state["step"] = step


def _take_over(states: list[dict[str, Any]], count: DeviceCount) -> None:
    """Go on from the steps that were taken since, without the graph."""
    if all(state["step"] is count for state in states):
        return
    steps = {int(state["step"]) for state in states}
    if len(steps) > 1:
        raise RuntimeError(
            f"graphed: parameters that had taken as many steps have now taken {min(steps)} and "
            f"{max(steps)}; reset() captures anew"
        )
    fill(count.array, np.array(steps.pop(), np.int64))
    for state in states:
        state["step"] = count
