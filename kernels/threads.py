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

    Within a task another parallel_for stays on the task's thread. Tasks call no BLAS that has
    threads of its own (see matmul.py). Several Python threads may call this at once: they share the
    pool, and none waits for a pool that is busy.
    Raises what a task raises; blocks that nobody has begun are then left out.
    """
    if getattr(_here, "inside", False):
        for block in range(count):
            task(block)
        return
    blocks = deque(range(count))
    futures = [_submit(_work_off, task, blocks) for _ in range(min(get_num_threads(), count) - 1)]
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


def _after_fork() -> None:
    """Start anew: a forked child has none of its parent's threads, and may inherit a held lock."""
    global _pool, _lock, _here
    _pool, _lock, _here = None, threading.Lock(), threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
