"""torch.amp: cuda.amp's classes with the device as the first argument."""

from __future__ import annotations

from typing import Any

from .cuda import amp
from .cuda.amp import custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_enabled"]


class autocast(amp.autocast):
    """`cuda.amp.autocast` for any device."""

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        super().__init__(enabled, dtype)
        self.device = device_type


class GradScaler(amp.GradScaler):
    """`cuda.amp.GradScaler` for any device."""

    def __init__(self, device: str = "cuda", *args: Any, **settings: Any):
        super().__init__(*args, **settings)


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: mixed precision is off."""
    return False
