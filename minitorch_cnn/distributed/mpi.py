"""The MPI backend: collectives on one-dimensional, contiguous arrays, without blocking.

NumPy's arrays are sent as they are; those of a GPU or the emulator are staged through the host.
MPI has no sum of 16-bit floating-point numbers nor of booleans: the first are added here by NumPy,
the second are bytes whose sum is their maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes

TYPES = {
    "f4": "FLOAT", "f8": "DOUBLE", "c8": "C_FLOAT_COMPLEX", "c16": "C_DOUBLE_COMPLEX",
    "i1": "INT8_T", "i2": "INT16_T", "i4": "INT32_T", "i8": "INT64_T",
    "u1": "UINT8_T", "u2": "UINT16_T", "u4": "UINT32_T", "u8": "UINT64_T",
}  # fmt: skip


class Work:
    """A collective in flight: `test()` advances it and says whether it is complete."""

    def __init__(self, request: Any, buffers: Any, finish: Callable[[], Any] | None = None):
        self._request, self._buffers, self._finish = request, buffers, finish
        self.done = False

    def test(self) -> bool:
        if not self.done and self._request.Test():
            self.done = True
            if self._finish is not None:
                self._finish()
            self._buffers = None
        return self.done


class MPIBackend:
    """Collectives over a communicator of mpi4py."""

    def __init__(self, MPI: Any, comm: Any):
        self.MPI, self.comm, self.size = MPI, comm, comm.Get_size()
        self._ops: dict[Any, Any] = {}

    def start_all_reduce(self, buffer: Any, op: str) -> Work:
        """Reduce `buffer` in place over all ranks; op: sum, max, min or product."""
        host, back = _staged(buffer)
        if host.dtype.kind == "b":
            op = {"sum": "max", "product": "min"}.get(op, op)
        message = [host, host.size, self._type(host.dtype)]
        request = self.comm.Iallreduce(self.MPI.IN_PLACE, message, self._op(host.dtype, op))
        return Work(request, host, back)

    def start_broadcast(self, buffer: Any, src: int) -> Work:
        """Overwrite `buffer` by that of the rank src."""
        host, back = _staged(buffer)
        request = self.comm.Ibcast([host.view(np.uint8), self.MPI.BYTE], src)
        return Work(request, host, back)

    def start_all_gather(self, buffer: Any, everyone: Any) -> Work:
        """Fill everyone (size, n) with the `buffer` (n,) of each rank."""
        host, _ = _staged(buffer)
        found, back = _staged(everyone)
        byte = self.MPI.BYTE
        into = [found.reshape(-1).view(np.uint8), byte]
        request = self.comm.Iallgather([host.view(np.uint8), byte], into)
        return Work(request, (host, found), back)

    def _type(self, dtype: Any) -> Any:
        if dtypes.is_half(dtype):
            return self.MPI.UINT16_T
        if dtype.kind == "b":
            return self.MPI.UINT8_T
        return getattr(self.MPI, TYPES[dtype.kind + str(dtype.itemsize)])

    def _op(self, dtype: Any, op: str) -> Any:
        if not dtypes.is_half(dtype):
            names = {"sum": "SUM", "max": "MAX", "min": "MIN", "product": "PROD"}
            return getattr(self.MPI, names[op])
        if (dtype, op) not in self._ops:
            by_numpy: Any = {
                "sum": np.add,
                "max": np.maximum,
                "min": np.minimum,
                "product": np.multiply,
            }[op]

            def reduce(a: Any, b: Any, _: Any) -> None:
                x, y = np.frombuffer(a, dtype), np.frombuffer(b, dtype)
                y[...] = by_numpy(x.astype(np.float32), y.astype(np.float32))

            self._ops[dtype, op] = self.MPI.Op.Create(reduce, commute=True)
        return self._ops[dtype, op]


def _staged(buffer: Any) -> tuple[Any, Callable[[], Any] | None]:
    """The buffer in NumPy's memory, and what copies it back where that is another."""
    if type(buffer) is np.ndarray:
        return buffer, None
    if isinstance(buffer, np.ndarray):  # the emulator's
        return buffer.view(np.ndarray), None
    host = buffer.get()

    def back() -> None:
        buffer.set(host)

    return host, back
