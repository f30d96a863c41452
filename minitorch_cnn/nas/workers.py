"""Workers: train children concurrently in an executor, and survive the death of its processes.

Any executor of the standard interface works: `concurrent.futures.ProcessPoolExecutor` on one
machine, `mpi4py.futures.MPIPoolExecutor` on many. A child that raises an error, takes too long or
kills its process gets the reward 0; all others are trained as if nothing had happened. However,
MPI ends all its processes when one of them dies: the search then has to be resumed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from ..kernels import set_num_threads
from .child import Child, Score

# Thread settings that the BLAS libraries read when NumPy loads them.
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
GRACE = 30.0  # seconds that an overdue child has to stop by itself
TRIES = 3  # runs of a child alone in a new process, before it is blamed for the process's death

Item = tuple[int, Child]


class Workers:
    """A pool that scores every child.

    train: Child -> Score, run in the worker and importable there. count: the number of concurrent
    children. executor: makes an Executor, and its replacement if that breaks; by default `count`
    new processes. timeout: seconds per child.

        with Workers(train_child, count=2, timeout=60) as workers:
            for number, score in workers.run(enumerate(children)): ...
    """

    def __init__(
        self,
        train: Callable[[Child], Score],
        count: int,
        timeout: float,
        executor: Callable[[], Executor] | None = None,
    ):
        if count < 1:
            raise ValueError(f"Workers: count={count} must be at least 1")
        if not timeout > 0:
            raise ValueError(f"Workers: timeout={timeout} must be above 0")
        self.train, self.count, self.timeout, self.grace = train, count, timeout, GRACE
        self._make = executor or self._processes
        self._pool: Executor | None = None
        self._environment = contextlib.ExitStack()

    def __enter__(self) -> Workers:
        self._environment.enter_context(one_thread_each())
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self._kill()
        self._leave()
        self._environment.close()

    def run(self, children: Iterable[Item]) -> Iterator[tuple[int, Score]]:
        """Yield (number, score) of all children, in the order in which they finish.

        When a process dies, all children in flight are suspects: there is no telling whose process
        it was, nor whether any of them is at fault, since the system also kills processes when
        memory is short. Each is trained again alone in a new process, and is blamed only if its
        process dies there TRIES times. A child that runs out of memory beside others is also
        trained again alone.
        """
        todo = deque(children)
        while todo:
            for suspect in (yield from self._fly(todo)):
                yield from self._alone(suspect)

    def _alone(self, item: Item) -> Iterator[tuple[int, Score]]:
        for _ in range(TRIES):
            if not (yield from self._fly(deque([item]), alone=True)):
                return
        yield item[0], Score(0.0, failed="its process died")

    def _fly(
        self, todo: deque[Item], alone: bool = False
    ) -> Generator[tuple[int, Score], None, list[Item]]:
        """Train until all are done or the pool breaks. -> the children to train again alone"""
        flying: dict[Future, Item] = {}
        started: dict[Future, float] = {}
        short: list[Item] = []  # of memory
        try:
            while todo or flying:
                while todo and len(flying) < self.count:
                    future = self._submit(todo[0][1])
                    flying[future], started[future] = todo.popleft(), time.monotonic()
                oldest = min(started[future] for future in flying)
                left = oldest + self.timeout + self.grace - time.monotonic()
                done, _ = wait(flying, max(left, 0), FIRST_COMPLETED)
                for future in done:
                    try:
                        score = future.result()
                    except MemoryError as error:
                        if self.count > 1 and not alone:
                            short.append(flying.pop(future))
                            continue
                        score = failure(error)
                    yield flying.pop(future)[0], score
                if not done:
                    late = min(flying, key=started.__getitem__)
                    yield flying.pop(late)[0], overdue(self.timeout)
                    if self._kill():
                        raise BrokenExecutor
        except BrokenExecutor:
            self._leave()
            return short + (yield from _landed(flying))
        return short

    def _submit(self, child: Child) -> Future:
        if self._pool is None:
            self._pool = self._make()
        return self._pool.submit(train_guarded, self.train, child, self.timeout)

    def _processes(self) -> Executor:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.count, context, initializer=prepare_worker)

    def _kill(self) -> bool:
        """Kill the processes of the pool; returns whether it has any that can be killed."""
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        for process in processes:
            process.kill()
        return bool(processes)

    def _leave(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


def _landed(flying: dict[Future, Item]) -> Generator[tuple[int, Score], None, list[Item]]:
    """Yield the scores that were ready when the pool broke; -> the other children."""
    others = []
    for future, item in flying.items():
        if future.done() and not future.cancelled() and future.exception() is None:
            yield item[0], future.result()
        else:
            others.append(item)
    return others


def overdue(timeout: float) -> Score:
    return Score(0.0, seconds=timeout, failed=f"it took longer than {timeout:g} seconds")


def failure(error: Exception) -> Score:
    return Score(0.0, failed=f"{type(error).__name__}: {error}".splitlines()[0])


def train_guarded(train: Callable[[Child], Score], child: Child, timeout: float) -> Score:
    """Score a child in a worker, with the reward 0 if it fails or takes too long.

    Raises: MemoryError, which other children may have caused.
    """
    set_num_threads(1)
    started = time.perf_counter()
    try:
        with time_limit(timeout):
            score = train(child)
    except OutOfTime:
        return overdue(timeout)
    except MemoryError:
        raise
    except Exception as error:
        score = failure(error)
    return score._replace(seconds=time.perf_counter() - started)


class OutOfTime(BaseException):
    """The time limit has passed; a BaseException, so that `except Exception` does not catch it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime after `seconds`, if the platform has signals and this is the main thread.

    Otherwise, and in a call that does not return to the interpreter, the pool has to act.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: Any) -> Any:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def prepare_worker() -> None:
    """Make a worker end with its parent process, which alone handles Ctrl-C."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()

    def follow() -> Any:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Make processes that are started in the block compute in one thread."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
