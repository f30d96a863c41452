"""HostAdapter: lets a device's implementation take and return host arrays."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .array import EmulatorArray, emulator_view, host_view, is_host_array


class Transfer(NamedTuple):
    """How to transfer arrays between host and device.

    array: their type on the device. writes_through: whether both arrays share memory.
    """

    array: type
    to_device: Callable
    to_host: Callable
    writes_through: bool


def transfer_of(implementation: str) -> Transfer | None:
    """The transfer for the implementation of that name; None for one that runs on the host."""
    if implementation == "emulator":
        return Transfer(EmulatorArray, emulator_view, host_view, True)
    if implementation in ("cuda", "numba_cuda"):
        import cupy

        return Transfer(cupy.ndarray, cupy.asarray, cupy.asnumpy, False)
    return None


class HostAdapter:
    """The module of a device's implementation, whose functions take and return host arrays."""

    def __init__(self, module: Any, transfer: Transfer):
        self._module, self._transfer = module, transfer

    def __getattr__(self, name: str) -> Callable:
        function, transfer = getattr(self._module, name), self._transfer

        def adapted(*args):
            given = [transfer.to_device(x) if is_host_array(x) else x for x in args]
            result = function(*given)
            if not transfer.writes_through:
                for x, copy in zip(args, given, strict=True):
                    if is_host_array(x) and x.flags.writeable:
                        x[...] = transfer.to_host(copy)
            return self._returned(result)

        return adapted

    def _returned(self, result):
        if isinstance(result, (list, tuple)):
            return tuple(map(self._returned, result))
        return result if result is None else self._transfer.to_host(result)
