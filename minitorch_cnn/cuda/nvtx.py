"""Named ranges on the time line of NVIDIA's profilers; without CuPy nothing happens.

`mt.autograd.profiler.emit_nvtx` names every operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..kernels.cuda.nvtx import library as _nvtx

__all__ = ["mark", "range", "range_pop", "range_push"]


def range_push(msg: str) -> None:
    """Begin a range, which may be within another."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.RangePush(msg)


def range_pop() -> None:
    """End the range that began last."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.RangePop()


def mark(msg: str) -> None:
    """Mark a moment."""
    nvtx = _nvtx()
    if nvtx is not None:
        nvtx.Mark(msg)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A range around the block, or around calls of a decorated function; msg.format(*args)."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
