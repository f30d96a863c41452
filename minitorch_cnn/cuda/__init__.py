"""The GPUs: how many there are, their memory, and waiting for them; PyTorch's names.

Without CuPy or a GPU `is_available()` is False, `device_count()` is 0 and what seeds or frees does
nothing; all else raises RuntimeError. There is no current device for new tensors: `device=` says
where they lie (devices.py).
"""

from __future__ import annotations

from .. import devices
from ..devices import DeviceLike
from . import amp as amp
from . import nvtx as nvtx
from .graphs import graphed as graphed
from .streams import (
    Event,
    Stream,
    cupy_of,
    current_stream,
    default_stream,
    index_of,
    stream,
)

__all__ = [
    "Event",
    "Stream",
    "current_device",
    "current_stream",
    "default_stream",
    "device_count",
    "empty_cache",
    "get_device_name",
    "graphed",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether CuPy is installed and finds a GPU."""
    from ..kernels.cuda.array import has_gpu

    return has_gpu()


def device_count() -> int:
    """The number of GPUs."""
    return devices.count_gpus("device_count", "cuda") if is_available() else 0


def current_device() -> int:
    """The number of the GPU that "cuda" stands for: 0."""
    devices.count_gpus("current_device", "cuda")
    return 0


def get_device_name(device: DeviceLike | None = None) -> str:
    """What the maker calls a GPU."""
    cupy = cupy_of("get_device_name", device)
    name = cupy.cuda.runtime.getDeviceProperties(index_of(device))["name"]
    return name.decode() if isinstance(name, bytes) else name


def set_device(device: DeviceLike) -> None:
    """Refuses all but the GPU 0, which "cuda" stands for: name the others where tensors are made.

    Raises ValueError.
    """
    cupy_of("set_device", device)
    if index_of(device) != 0:
        raise ValueError(
            f"set_device: device={device!r} must be 0: there is no current device; "
            "'cuda:1' as a device= makes tensors on another GPU"
        )


def synchronize(device: DeviceLike | None = None) -> None:
    """Wait until a GPU has done all it was given."""
    cupy = cupy_of("synchronize", device)
    with cupy.cuda.Device(index_of(device)):
        cupy.cuda.runtime.deviceSynchronize()


def manual_seed(seed: int) -> None:
    """Nothing: all random numbers are drawn by the generator that `mt.manual_seed` seeds."""


def manual_seed_all(seed: int) -> None:
    """Nothing, as `manual_seed`."""


def empty_cache() -> None:
    """Give the memory that CuPy keeps for reuse back to the GPU."""
    if is_available():
        cupy_of("empty_cache").get_default_memory_pool().free_all_blocks()


def memory_allocated(device: DeviceLike | None = None) -> int:
    """The bytes that arrays hold on a GPU; 0 without one."""
    if not is_available():
        return 0
    cupy = cupy_of("memory_allocated", device)
    with cupy.cuda.Device(index_of(device)):
        return cupy.get_default_memory_pool().used_bytes()


def memory_reserved(device: DeviceLike | None = None) -> int:
    """The bytes that CuPy has taken of a GPU's memory, in use or kept; 0 without a GPU."""
    if not is_available():
        return 0
    cupy = cupy_of("memory_reserved", device)
    with cupy.cuda.Device(index_of(device)):
        return cupy.get_default_memory_pool().total_bytes()


def max_memory_allocated(device: DeviceLike | None = None) -> int:
    """The bytes that CuPy has taken of a GPU's memory, as `memory_reserved`; 0 without a GPU.

    Arrays have held at most as much; CuPy keeps no record of the most that they held.
    """
    return memory_reserved(device)


max_memory_reserved = max_memory_allocated


def reset_peak_memory_stats(device: DeviceLike | None = None) -> None:
    """Nothing: CuPy keeps no record of the most that arrays held."""
