"""A stand-in for `numba.cuda`: kernels run as the Python they are written in, on NumPy arrays.

A hundred times as fast as Numba's own simulator where threads do not wait for one another: then
they run one after the other. Where they do, each is a Python thread.
"""

import threading
from types import ModuleType, SimpleNamespace

import numpy as np

from minitorch_cnn.kernels.cuda import numba_block


class StandIn:
    """The parts of `cuda` that kernels use: thread and block indices, shared memory, barriers."""

    def __init__(self):
        self.me = threading.local()
        self.lock = threading.Lock()
        self.shared = SimpleNamespace(array=self.shared_array)
        self.atomic = SimpleNamespace(add=self.atomic_add)

    threadIdx = property(lambda self: SimpleNamespace(x=self.me.thread))
    blockIdx = property(lambda self: SimpleNamespace(x=self.me.block))
    blockDim = property(lambda self: SimpleNamespace(x=self.size))

    def grid(self, axes):
        assert axes == 1
        return self.me.block * self.size + self.me.thread

    def syncthreads(self):
        self.barrier.wait(timeout=5)

    def shared_array(self, size, dtype):
        """The memory of this block: full of NaN, and the same for its threads' n-th request."""
        self.me.requests += 1
        with self.lock:
            return self.memory.setdefault(self.me.requests, np.full(size, np.nan, str(dtype)))

    def atomic_add(self, array, at, value):
        with self.lock:
            array[at] += value

    def run(self, function, block: int, thread: int, args) -> None:
        self.me.block, self.me.thread, self.me.requests = block, thread, 0
        try:
            function(*args)
        except Exception as error:
            self.errors.append(error)
            self.barrier.abort()

    def launch(self, function, blocks: int, threads: int, args) -> None:
        """All threads of all blocks, block after block."""
        self.size, self.errors = threads, []
        waits = "block_sum" in function.__code__.co_names
        for block in range(blocks):
            self.barrier, self.memory = threading.Barrier(threads if waits else 1), {}
            if waits:
                each = [
                    threading.Thread(target=self.run, args=(function, block, t, args))
                    for t in range(threads)
                ]
                for thread in each:
                    thread.start()
                for thread in each:
                    thread.join()
            else:
                for t in range(threads):
                    self.run(function, block, t, args)
            if self.errors:
                raise self.errors[0]


class Launcher:
    """A kernel in its stand-in: launcher[blocks, threads](*args)."""

    def __init__(self, function, cuda: StandIn):
        self.function, self.cuda = function, cuda

    def __getitem__(self, shape):
        return lambda *args: self.cuda.launch(self.function, *shape, args)


def stand_in_for_cuda(monkeypatch, module: ModuleType, threads: int = 8) -> None:
    """Let the kernels of a module run as Python, in blocks of a few threads."""
    cuda = StandIn()
    for part in (numba_block, module):
        monkeypatch.setattr(part, "cuda", cuda)
        for name, value in list(vars(part).items()):
            if hasattr(value, "py_func"):
                device = value.targetoptions.get("device")
                function = value.py_func
                monkeypatch.setattr(part, name, function if device else Launcher(function, cuda))
    monkeypatch.setattr(numba_block, "THREADS", threads)
