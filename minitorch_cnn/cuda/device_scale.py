"""DeviceScale: the scale of a GradScaler where a device keeps it, in a captured graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..kernels.cuda.graph import capturing, fill
from ..kernels.cuda.launch import zeros
from ..kernels.optimizer import unscale, update_scale
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..tensor.types import Array


class DeviceScale:
    """The scale, its inverse and the steps since it changed, in float64 on the device of a graph.

    host: returns the scale and the steps where the host knows them. While `valid`, the device does.
    """

    def __init__(self, host: Callable[[], tuple[float, int]]):
        self.host, self.valid = host, False
        self.array: Array | None = None

    def in_graph(self) -> Array:
        """The array, for the graph that is being captured."""
        capture: Any = capturing()
        capture.refreshers.append(self._take_over)
        if self.array is not None:
            return self.array
        made = self.array = capture.constant(self._numbers())
        capture.undo.append(self._forget)
        return made

    def read(self) -> tuple[float, int]:
        """The scale and the steps, for which the host waits; it knows them from now on."""
        scale, _, steps = devices.to_host(self.array)
        self.valid = False
        return float(scale), int(steps)

    def factor(self) -> Tensor:
        """The scale as a Tensor () of float32 on the device."""
        return Tensor(self.in_graph()[:1].reshape(()).astype(np.float32))

    def update(self, flags: list[Array], settings: Callable[[], tuple[float, float, int]]) -> None:
        """Adapt the scale by the flags of the steps since the last update."""
        capture: Any = capturing()
        flag = flags[0]
        for other in flags[1:]:
            flag = np.maximum(flag, other)
        update_scale(self.in_graph(), flag, capture.numbers(settings))

    def _numbers(self) -> np.ndarray:
        scale, steps = self.host()
        return np.array([scale, 1 / scale, steps])

    def _forget(self) -> None:
        self.array, self.valid = None, False

    def _take_over(self) -> None:
        """Before a replay: what the host changed since the last one goes to the device."""
        if not self.valid:
            fill(self.array, self._numbers())
            self.valid = True


def unscaled_on_device(
    gradients: Iterable[Tensor], numbers: Callable[[Array], Array]
) -> Array | None:
    """Divide gradients by the scale in one launch for each dtype; None if they are elsewhere.

    numbers(like): the array (scale, its inverse, ...) on their device. Returns the flag () of
    int32, not 0 if a gradient is not finite.
    """
    found: dict[Any, list[Tensor]] = {}
    for g in gradients:
        if type(g.array) is np.ndarray or g.dtype not in (dtypes.float32, dtypes.float64):
            return None
        found.setdefault((g.device, g.dtype), []).append(g)
    if len({device for device, _ in found}) != 1:
        return None
    like = next(iter(found.values()))[0].array
    flag, scale = zeros((), np.int32, like=like), numbers(like)
    for of_dtype in found.values():
        unscale([g.array for g in of_dtype], scale, flag)
        for g in of_dtype:
            g.bump_version()
    return flag
