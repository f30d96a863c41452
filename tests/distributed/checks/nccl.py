"""The NCCL backend on a stand-in for the library: arrays of the emulator, staged through MPI."""

import ctypes
from unittest import mock

import numpy as np
from mpi4py import MPI

import minitorch_cnn as mt
from minitorch_cnn import distributed as dist
from minitorch_cnn import nn
from minitorch_cnn.distributed.group import Group, current
from minitorch_cnn.distributed.nccl import OPS, TYPES, Library, NCCLBackend
from minitorch_cnn.nn import functional as F

DTYPES = {number: np.dtype(name) for name, number in TYPES.items()}
REDUCTIONS = {
    OPS["sum"]: np.add, OPS["max"]: np.maximum, OPS["min"]: np.minimum, OPS["product"]: np.multiply,
}  # fmt: skip


def memory(pointer, count, kind):
    """The array at an address."""
    raw = (ctypes.c_byte * (count * DTYPES[kind].itemsize)).from_address(pointer) if count else b""
    return np.frombuffer(raw, DTYPES[kind])


class Communicator:
    """As cupy.cuda.nccl.NcclCommunicator, with its argument order."""

    calls = 0

    def __init__(self, size, number, rank):
        assert (size, number, rank) == (MPI.COMM_WORLD.size, "id of rank 0", MPI.COMM_WORLD.rank)

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream):
        assert sendbuf == recvbuf and stream == 7
        found = memory(recvbuf, count, datatype)
        everyone = MPI.COMM_WORLD.allgather(found.copy())
        found[...] = REDUCTIONS[op].reduce(everyone, axis=0, dtype=found.dtype)
        Communicator.calls += 1

    def broadcast(self, sendbuff, recvbuff, count, datatype, root, stream):
        found = memory(recvbuff, count, datatype)
        found[...] = MPI.COMM_WORLD.bcast(found.copy(), root)

    def allGather(self, sendbuf, recvbuf, count, datatype, stream):
        parts = MPI.COMM_WORLD.allgather(memory(sendbuf, count, datatype).copy())
        memory(recvbuf, count * len(parts), datatype)[...] = np.concatenate(parts)


class Lane:
    """A stream on which everything is done at once, but is seen to be only at the second look."""

    ptr, followed = 7, 0

    def follow(self):
        Lane.followed += 1

    def mark(self):
        looks = iter((False, True, True))
        return type("Mark", (), {"done": property(lambda self: next(looks))})()


def backend():
    number = "id of rank 0" if dist.get_rank() == 0 else "never sent"
    library = Library(lambda: number, Communicator, Lane, lambda array: array.ctypes.data)
    return NCCLBackend(library, current("").comm)


def between_gpus(check):
    """Run a check with all arrays of the emulator as if they were a GPU's."""
    nccl = backend()
    choose = Group.backend

    def chosen(self, array):
        return choose(self, array) if type(array) is np.ndarray else nccl

    with mock.patch.object(Group, "backend", chosen):
        check()


def check_collectives_of_every_dtype(rank, size):
    def check():
        for dtype in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
                      "bool"):  # fmt: skip
            drawn = [np.random.default_rng(r).integers(0, 3, (4, 3)) for r in range(size)]
            arrays = [array.astype(dtype) for array in drawn]
            for op, of_numpy in (("sum", np.sum), ("max", np.max), ("product", np.prod)):
                t = mt.tensor(arrays[rank]).to("emulator").T
                dist.all_reduce(t, op)
                wanted = of_numpy(np.stack(arrays).astype(float), axis=0).astype(dtype).T
                assert t.device == "emulator"
                np.testing.assert_array_equal(t.cpu().array, wanted, f"{dtype} {op}")
            t = mt.tensor(arrays[rank]).to("emulator")
            dist.broadcast(t, size - 1)
            np.testing.assert_array_equal(t.cpu().array, arrays[-1])
            parts = [mt.tensor(arrays[rank]).to("emulator") for _ in range(size)]
            dist.all_gather(parts, parts[0].clone())
            np.testing.assert_array_equal([p.cpu().array for p in parts], arrays)

    between_gpus(check)


def check_steps_are_those_of_one_process_on_the_joined_batch(rank, size):
    def new():
        mt.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 8), nn.SyncBatchNorm(8), nn.ReLU(), nn.Linear(8, 3))
        return net.to("emulator")

    rng = np.random.default_rng(1)
    x, y = rng.random((2 * size, 6)).astype(np.float32), rng.integers(0, 3, 2 * size)
    own = slice(2 * rank, 2 * rank + 2)

    def check():
        before = Communicator.calls, Lane.followed
        model = nn.parallel.DistributedDataParallel(new())
        F.cross_entropy(
            model(mt.tensor(x[own]).to("emulator")), mt.tensor(y[own]).to("emulator")
        ).backward()
        assert Communicator.calls > before[0] and Lane.followed > before[1]
        with mock.patch("minitorch_cnn.nn.sync_batch_norm.current_or_none", lambda: None):
            net = new()
            F.cross_entropy(
                net(mt.tensor(x).to("emulator")), mt.tensor(y).to("emulator")
            ).backward()
        for p, q in zip(model.module.parameters(), net.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.cpu().array, q.grad.cpu().array, atol=1e-6)

    between_gpus(check)
