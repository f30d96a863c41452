"""The NCCL backend: collectives between GPUs, on a stream of their own beside the computation.

MPI is needed only to tell all ranks the communicator's id. The library is an object with a few
functions (`Library`), so that tests run this file without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes

# NCCL's numbers of types and operations (nccl.h).
TYPES = {
    "i1": 0, "u1": 1, "i4": 2, "u4": 3, "i8": 4, "u8": 5, "f2": 6, "f4": 7, "f8": 8,
}  # fmt: skip
OPS = {"sum": 0, "product": 1, "max": 2, "min": 3}
BYTE, BFLOAT16 = TYPES["u1"], 9


class Library(NamedTuple):
    """What the backend needs of CuPy.

    unique_id: an id for a communicator. communicator(size, id, rank): with allReduce, broadcast and
    allGather of `cupy.cuda.nccl.NcclCommunicator`. lane(): a stream with `follow()`, to wait for
    the computation so far, `ptr`, and `mark()`, whose result's `done` says whether all before is
    complete. pointer(array): the address of its first element.
    """

    unique_id: Callable[[], Any]
    communicator: Callable[[int, Any, int], Any]
    lane: Callable[[], Any]
    pointer: Callable[[Any], int]


class Work:
    """A collective in flight on the GPU."""

    def __init__(self, mark: Any, buffers: Any, finish: Callable[[], Any] | None):
        self._mark, self._buffers, self._finish = mark, buffers, finish
        self.done = False

    def test(self) -> bool:
        if not self.done and self._mark.done:
            self.done = True
            if self._finish is not None:
                self._finish()
            self._buffers = None
        return self.done


class NCCLBackend:
    """Collectives on contiguous arrays of one GPU per rank. comm: MPI's communicator."""

    def __init__(self, library: Library, comm: Any):
        self.library = library
        rank, size = comm.Get_rank(), comm.Get_size()
        number = comm.bcast(library.unique_id() if rank == 0 else None)
        self.comm, self.lane = library.communicator(size, number, rank), library.lane()

    def start_all_reduce(self, buffer: Any, op: str) -> Work:
        """Reduce `buffer` in place over all ranks; op: sum, max, min or product.

        NCCL has no 16-bit integers, which travel as 32 bits, nor booleans, which are bytes.
        """
        dtype, sent = buffer.dtype, buffer
        finish: Callable[[], Any] | None = None
        if dtype.kind == "b":
            op, sent = {"sum": "max", "product": "min"}.get(op, op), buffer.view(np.uint8)
        elif dtype.kind in "iu" and dtype.itemsize == 2:
            sent = buffer.astype(np.dtype(f"{dtype.kind}4"))

            def narrow() -> None:
                buffer[...] = sent.astype(dtype)

            finish = narrow

        place = self.library.pointer(sent)
        kind = (
            BFLOAT16
            if dtypes.is_bfloat16(dtype)
            else TYPES[f"{sent.dtype.kind}{sent.dtype.itemsize}"]
        )
        self.lane.follow()
        self.comm.allReduce(place, place, sent.size, kind, OPS[op], self.lane.ptr)
        return Work(self.lane.mark(), sent, finish)

    def start_broadcast(self, buffer: Any, src: int) -> Work:
        """Overwrite `buffer` by that of the rank src."""
        place = self.library.pointer(buffer)
        self.lane.follow()
        self.comm.broadcast(place, place, buffer.nbytes, BYTE, src, self.lane.ptr)
        return Work(self.lane.mark(), buffer, None)

    def start_all_gather(self, buffer: Any, everyone: Any) -> Work:
        """Fill everyone (size, n) with the `buffer` (n,) of each rank."""
        own, into = self.library.pointer(buffer), self.library.pointer(everyone)
        self.lane.follow()
        self.comm.allGather(own, into, buffer.nbytes, BYTE, self.lane.ptr)
        return Work(self.lane.mark(), (buffer, everyone), None)


class _Lane:
    """A stream of CuPy for messages."""

    def __init__(self) -> None:
        import cupy

        self._cuda: Any = cupy.cuda
        self.stream = self._cuda.Stream(non_blocking=True)

    @property
    def ptr(self) -> int:
        return self.stream.ptr

    def follow(self) -> None:
        """Let the next messages wait for what the current stream has been given."""
        self.stream.wait_event(self._cuda.get_current_stream().record())

    def mark(self) -> Any:
        return self.stream.record()


def cupy_library() -> Library:
    """CuPy's NCCL. Raises: RuntimeError if CuPy was built without it."""
    from cupy.cuda import nccl

    if not nccl.available:
        raise RuntimeError(
            "init_process_group: CuPy finds no NCCL library (python -m cupyx.tools.install_library "
            "installs it); backend='mpi' stages the arrays of GPUs through the host"
        )
    communicator: Any = nccl.NcclCommunicator
    return Library(nccl.get_unique_id, communicator, _Lane, lambda array: array.data.ptr)
