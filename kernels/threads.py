"""One pool of threads for all kernels: the blocks of an operation, spread over the cores.

Blocks are cut by the shapes alone, never by the number of threads, and none adds to what another
one adds to: results are the same, bit for bit, for any number of threads. Kernels let go of the
interpreter's lock (`nogil`), so plain threads run them at the same time.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

LITTLE = 2**15  # numbers
RANGES = 4  # for each thread: one that another program holds up takes fewer

_pool: ThreadPoolExecutor | None = None
_num_threads = 0  # 0: as many as cores, asked for on first use
_lock = threading.Lock()
_here = threading.local()


def get_num_threads() -> int:
    """How many threads share the blocks of one operation, the calling one included."""
    return _num_threads or _cores()


def set_num_threads(count: int) -> None:
    """Share the blocks of an operation among `count` threads, the calling one included.

    Raises TypeError unless count is an int, ValueError if it is below 1.
    """
    global _num_threads, _pool
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"set_num_threads: count={count!r} must be an int")
    if count < 1:
        raise ValueError(f"set_num_threads: count={count} must be at least 1")
    with _lock:
        _num_threads = count
        before, _pool = _pool, None
    if before is not None:
        before.shutdown(wait=False)


def parallel_for(task: Callable[[int], None], count: int) -> None:
    """Call task(block) for each block of range(count), each once, in any order, on all threads.

    Within a task BLAS runs on one thread, and so does another parallel_for. Several Python threads
    may call this at once: they share the pool, and none waits for a pool that is busy.
    Raises what a task raises; blocks that nobody has begun are then left out.
    """
    if getattr(_here, "inside", False):
        for block in range(count):
            task(block)
        return
    blocks = deque(range(count))
    with _one_blas_thread:
        futures = [
            _submit(_work_off, task, blocks) for _ in range(min(get_num_threads(), count) - 1)
        ]
        try:
            _work_off(task, blocks)
        finally:
            # What the pool has not begun by now finds no block left.
            running = [future for future in futures if not future.cancel()]
            errors = [future.exception() for future in running]
    for error in errors:
        if error is not None:
            raise error


def parallel_ranges(kernel: Callable, items: int, size: int, *args) -> None:
    """kernel(*args, first, last) for ranges that make up range(items), on all threads.

    The items must not depend on each other. size: the numbers that the loop goes through; a LITTLE
    loop is done before another thread has woken up, and stays in this one.
    """
    count = min(items, RANGES * get_num_threads()) if size >= LITTLE else 1
    if count <= 1:
        kernel(*args, 0, items)
    else:
        parallel_for(lambda i: kernel(*args, i * items // count, (i + 1) * items // count), count)


def _work_off(task, blocks: deque) -> None:
    """Take blocks until none is left."""
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
        _here.inside = False


def _submit(function, *args):
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, get_num_threads() - 1), "kernels")
        return _pool.submit(function, *args)


def _cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


class _OneBlasThread:
    """While anyone is inside, the BLAS libraries of this process run on one thread.

    The setting is the process's: the first to come saves it and the last to go restores it. Without
    threadpoolctl nothing is set; results are the same, but threads of BLAS get in the way of ours.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = 0
        self._limits = None

    def __enter__(self):
        with self._lock:
            self._users += 1
            if self._users == 1:
                controller = _blas_controller()
                self._limits = controller and controller.limit(limits=1)

    def __exit__(self, *_):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self.release()

    def release(self) -> None:
        """Give BLAS the threads back that it had before the first to come."""
        if self._limits:
            self._limits.restore_original_limits()
        self._limits = None


_controller = None


def _blas_controller():
    """threadpoolctl's handle on BLAS, or None. Looking for libraries takes milliseconds: kept."""
    global _controller
    if _controller is None:
        try:
            from threadpoolctl import ThreadpoolController
        except ImportError:
            _controller = False
        else:
            _controller = ThreadpoolController().select(user_api="blas")
    return _controller or None


_one_blas_thread = _OneBlasThread()


def _after_fork() -> None:
    """A forked child has none of its parent's threads: start anew, with locks that nobody holds."""
    global _pool, _lock, _one_blas_thread, _here
    _one_blas_thread.release()
    _pool, _lock, _one_blas_thread = None, threading.Lock(), _OneBlasThread()
    _here = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
