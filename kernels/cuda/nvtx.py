"""NVIDIA's library that names ranges on the time line of its profilers, through CuPy."""

from __future__ import annotations

from typing import Any

from ..installed import is_installed


def library() -> Any:
    """CuPy's `cuda.nvtx`; None without CuPy, or with a CuPy that was built without it."""
    if not is_installed("cupy"):
        return None
    try:
        from cupy.cuda import nvtx
    except ImportError:
        return None
    return nvtx
