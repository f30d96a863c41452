"""torch.amp: mixed precision on any device, the type of device being the first argument."""

from __future__ import annotations

from typing import Any

from .autograd.modes import this_thread
from .cuda import amp
from .cuda.amp import DEFAULTS, custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_enabled"]


class autocast(amp.autocast):
    """`cuda.amp.autocast` for tensors on one type of device: "cuda", "cpu" or "emulator".

    The default dtype on a CPU is bfloat16, which needs ml_dtypes; float16 elsewhere.

    Raises: RuntimeError for another type of device.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = _checked("autocast", device_type)
        super().__init__(enabled, dtype)

    def usable(self) -> bool:
        """Whether there is such a device."""
        return self.device != "cuda" or super().usable()

    def again(self) -> autocast:
        return type(self)(self.device, self.fast_dtype, self.enabled)


class GradScaler(amp.GradScaler):
    """`cuda.amp.GradScaler` for any device.

    Raises: RuntimeError for an unknown type of device.
    """

    def __init__(self, device: str = "cuda", *args: Any, **settings: Any) -> None:
        self.device = _checked("GradScaler", device)
        super().__init__(*args, **settings)

    def usable(self) -> bool:
        """Whether there is such a device."""
        return self.device != "cuda" or super().usable()


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operations of this thread on such a device compute in 16 bits."""
    casts = this_thread.modes.autocast.get(_checked("is_autocast_enabled", device_type))
    return casts is not None and casts.dtype is not None


def _checked(name: str, device_type: str) -> str:
    """The type of a device, as "cuda" of "cuda:0"."""
    kind = str(device_type).partition(":")[0]
    if kind not in DEFAULTS:
        known = ", ".join(DEFAULTS)
        raise RuntimeError(f"{name}: device_type={device_type!r} must be one of {known}")
    return kind
