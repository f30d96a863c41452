"""The thread pool of all kernels: it distributes the pieces of an operation over the cores.

The boundaries of the pieces do not affect the result, and no two pieces add to the same element:
results are bitwise identical for any number of threads. Kernels release the interpreter's lock
(`nogil`), so ordinary Python threads run them in parallel.
"""

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from .cores import has_threads, usable_cores
from .jit import has_numba

if TYPE_CHECKING:
    from concurrent.futures import Future

MIN_ELEMENTS = 2**14  # per thread: less work does not repay a second one
PIECES = 4  # per thread: a thread that another program delays takes fewer of them

STOP = object()  # the last item of a worker's queue

_pool = None
_num_threads = 0  # 0: one per core that the process may use, counted on first use
_lock = threading.Lock()
_here = threading.local()


def get_num_threads() -> int:
    """The number of threads that share the pieces of one operation, the calling thread included.

    The default is the number of cores that the process may use, by its affinity and by the quota
    of its control group.
    """
    return _num_threads or usable_cores()


def set_num_threads(count: int) -> None:
    """Share the pieces of an operation among `count` threads, the calling thread included.

    Raises TypeError unless count is an int, ValueError if it is below 1.
    """
    global _num_threads
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"set_num_threads: count={count!r} must be an int")
    if count < 1:
        raise ValueError(f"set_num_threads: count={count} must be at least 1")
    _num_threads = count
    _shut_down()


def parallel_for(task: Callable[[int], None], count: int) -> None:
    """Call task(block) once for each block of range(count), in any order, on all threads.

    A parallel_for within a task runs on the task's thread alone. Tasks must not call a BLAS that
    has threads of its own (see matmul.py). Several Python threads may call this at once: the pool
    serves one of them, and the others compute their blocks alone.
    Raises the exception of a task; blocks that no thread has begun are then skipped.
    """
    blocks, user, pool = deque(range(count)), object(), None
    try:
        pool = _take_pool(user) if count > 1 else None
        if pool is None:
            _work_off(task, blocks)
            return
        futures = pool.call(count - 1, task, blocks)
        try:
            _work_off(task, blocks)
        finally:
            # No block is left for a task that no worker has begun by now.
            running = [future for future in futures if not future.cancel()]
            errors = [future.exception() for future in running]
    finally:
        try:
            if pool is not None:
                blocks.clear()  # an interrupt may have left some
                pool.recall(False)
        finally:
            pool = pool or _pool
            if pool is not None and pool.taken == {"by": user}:
                del pool.taken["by"]
    for error in errors:
        if error is not None:
            raise error


def parallel_ranges(
    kernel: Callable, items: int, size: int, *args, threads: int | None = None
) -> None:
    """Call kernel(*args, pool, first, last) for ranges that cover range(items), on all threads.

    The kernel begins with `shared` (thread_pool.py); its items must be independent of each other.
    size: the number of elements that it processes; below MIN_ELEMENTS the calling thread works
    alone.
    threads: the number of threads that have scratch memory (thread_scratch), where each needs it.
    Raises MemoryError where the kernel could not allocate memory on another thread.
    """
    if size < MIN_ELEMENTS or items < 2:
        kernel(*args, 0, 0, items)
        return
    user, pool = object(), None
    try:
        pool = _take_pool(user)
        if pool is None:
            kernel(*args, 0, 0, items)
            return
        pool.admit(pool.size if threads is None else threads)
        pool.wake(size // MIN_ELEMENTS)
        kernel(*args, pool.address, 0, items)
        if pool.failed():
            raise MemoryError(f"{kernel.__name__}: no memory for the work of one of the threads")
    finally:
        pool = pool or _pool
        if pool is not None and pool.taken == {"by": user}:
            del pool.taken["by"]


class _ThreadPool:
    """Worker threads in addition to the calling thread; each sleeps on its own queue.

    One thread at a time uses the pool, and `taken` names it. The entry is set within the `try`
    that releases the pool, and is read and cleared without a function call: an interrupt is
    delivered after a call, so it cannot come between these steps, as it could with a lock.
    """

    def __init__(self, size: int):
        self.size, self.taken = size, {}
        self.compiled: Any = import_module(".thread_pool", __package__) if has_numba() else None
        if self.compiled:
            self.state = self.compiled.new_state(size, PIECES, size > usable_cores())
            self.address = self.state.ctypes.data
        ranks = range(1, size) if has_threads() else ()
        self.workers = [_Worker(self, rank) for rank in ranks]
        for worker in self.workers:
            worker.start()

    def admit(self, threads: int) -> None:
        """Limit the next kernel to `threads` threads, the calling thread included."""
        self.state[self.compiled.ADMITTED] = threads

    def wake(self, count: int) -> None:
        """Wake the sleeping ones of the first `count` workers; they spin until a kernel arrives."""
        for worker in self.workers[:count]:
            if worker.asleep:
                worker.asleep = False
                worker.queue.put(None)

    def call(self, workers: int, task, blocks) -> "list[Future]":
        """Give a Python task to the first `workers` workers; the others go to sleep."""
        from concurrent.futures import Future

        self.recall(True)
        futures = [Future() for _ in self.workers[:workers]]
        for worker, future in zip(self.workers, futures, strict=False):
            worker.queue.put((future, task, blocks))
        return futures

    def recall(self, at_once: bool) -> None:
        """Set whether spinning workers return to their queues at once."""
        if self.compiled:
            self.state[self.compiled.LEAVE] = at_once

    def failed(self) -> bool:
        """Whether a piece has failed on a worker since the last call."""
        failed = bool(self.state[self.compiled.FAILED])
        self.state[self.compiled.FAILED] = 0
        return failed

    def shut_down(self) -> None:
        """End each worker when it has finished its work."""
        self.recall(True)
        for worker in self.workers:
            worker.queue.put(STOP)


class _Worker(threading.Thread):
    """A thread of the pool: it runs the tasks of its queue, then spins for kernels."""

    def __init__(self, pool: _ThreadPool, rank: int):
        super().__init__(name=f"kernels {rank}", daemon=True)
        self.pool, self.rank = pool, rank
        self.queue, self.asleep = SimpleQueue(), False

    def run(self):
        pool = self.pool
        while True:
            self.asleep = True
            work = self.queue.get()
            self.asleep = False
            if work is STOP:
                return
            if work is not None:
                future, *task = work
                if future.set_running_or_notify_cancel():
                    try:
                        _work_off(*task)
                        future.set_result(None)
                    except BaseException as error:
                        future.set_exception(error)
                del work, future, task  # releases the arrays of the task
            if pool.compiled:
                pool.compiled.serve(pool.address, self.rank)


def _take_pool(user: object) -> _ThreadPool | None:
    """The pool, now taken by `user`; None if there is no pool or another thread uses it."""
    global _pool
    if _num_threads == 1 or getattr(_here, "inside", False):
        return None
    pool = _pool
    if pool is None or pool.size != (_num_threads or pool.size):
        with _lock:
            if _pool is None or _pool.size != get_num_threads():
                _shut_down()
                _pool = _ThreadPool(get_num_threads())
            pool = _pool
    # setdefault is atomic: of two threads that call it at once, one gets the pool.
    return pool if pool.workers and pool.taken.setdefault("by", user) is user else None


def _shut_down() -> None:
    global _pool
    pool, _pool = _pool, None
    if pool is not None:
        pool.shut_down()


def _work_off(task, blocks: deque) -> None:
    """Take blocks until none is left."""
    outermost = not getattr(_here, "inside", False)
    _here.inside = True
    try:
        while True:
            try:
                block = blocks.popleft()
            except IndexError:
                return
            task(block)
    except BaseException:
        blocks.clear()
        raise
    finally:
        _here.inside = not outermost


def _after_fork() -> None:
    """Reset: a forked child has none of its parent's threads and may inherit a held lock."""
    global _pool, _lock, _here
    _pool, _lock, _here = None, threading.Lock(), threading.local()


def _at_exit() -> None:
    """Wait for the workers: their code is about to be unloaded."""
    workers = _pool.workers if _pool else []
    _shut_down()
    for worker in workers:
        worker.join(timeout=1)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
