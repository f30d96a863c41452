"""Workers: threads or processes that load batches ahead of time and deliver them in order.

Threads share memory and start at once; they run in parallel wherever NumPy, Pillow and file reading
release the interpreter lock. Processes run everything in parallel, but each starts its own Python
and sends its batches through a pipe.

Worker k modulo num_workers loads batch k, so that each worker's tasks are reproducible. A worker is
an executor with one thread or one process.
"""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from .fetching import END, Fetcher, Job


class Workers:
    """`job.num_workers` threads or processes that load batches, for one or more epochs.

    Raises: TypeError if the data set or a function of the job cannot be pickled.
    """

    def __init__(self, job: Job, kind: str):
        self.kind = kind
        self.epoch = 0
        self.busy = False  # whether an epoch is in progress
        if kind == "threads":
            self.stop = threading.Event()
            self.executors = [
                ThreadPoolExecutor(1, thread_name_prefix=f"DataLoader-{i}")
                for i in range(job.num_workers)
            ]
            self.fetchers = [Fetcher(job, self.stop, i) for i in range(job.num_workers)]
        else:
            self.stop, self.executors = _processes(job)
            self.fetchers = [_fetch_in_process] * job.num_workers

    def load(
        self, seed: int, tasks: Iterator[Any], ahead: int, timeout: float, keep: bool
    ) -> Generator[Any, None, None]:
        """The batches of `tasks` in order, with up to `ahead` loaded early.

        The workers end with the iteration, unless they are persistent.
        """
        self.epoch += 1
        self.busy = True
        pending: deque[tuple[int, Future]] = deque()
        turns = deque(range(len(self.executors)))

        def submit() -> None:
            task = next(tasks, None) if turns else None
            if task is not None:
                worker = turns[0]
                turns.rotate(-1)
                fetch = partial(self.fetchers[worker], self.epoch, seed, task)
                pending.append((worker, self.executors[worker].submit(fetch)))

        try:
            for _ in range(ahead):
                submit()
            while pending:
                worker, future = pending.popleft()
                batch = _result(future, timeout)
                if batch is END and worker in turns:
                    turns.remove(worker)
                submit()
                if batch is not END:
                    yield batch
        except _TimedOut:
            keep = False
            self._abandon()
            raise
        except RuntimeError as error:
            keep = keep and not isinstance(error.__cause__, BrokenExecutor)
            raise
        finally:
            self.stop.set()
            for _, future in pending:
                future.cancel()
            if keep:
                wait([future for _, future in pending if not future.cancelled()])
                self.stop.clear()
                self.busy = False
            else:
                self.close()

    def close(self) -> None:
        """End the workers after the samples that they are loading."""
        self.stop.set()
        for executor in self.executors:
            executor.shutdown(wait=True, cancel_futures=True)
        self.executors = []

    def _abandon(self) -> None:
        """Abandon workers that do not respond: terminate processes; threads cannot be stopped."""
        self.stop.set()
        for executor in self.executors:
            for process in list(getattr(executor, "_processes", {}).values()):
                process.terminate()
            executor.shutdown(wait=False, cancel_futures=True)
        self.executors = []


class _TimedOut(RuntimeError):
    """No batch arrived in time."""


def _result(future: Future, timeout: float) -> Any:
    """The future's result; it waits in steps, because Windows handles Ctrl-C only between waits."""
    end = time.monotonic() + timeout if timeout else float("inf")
    while not wait([future], timeout=min(0.5, max(end - time.monotonic(), 0))).done:
        if time.monotonic() >= end:
            raise _TimedOut(f"DataLoader: timed out after timeout={timeout} s without a batch")
    try:
        return future.result()
    except BrokenExecutor as error:
        raise RuntimeError(
            "DataLoader: a worker process died before it could report an error; it was killed "
            "(out of memory?) or cannot import the script that defines the data set"
        ) from error


# ------------------------------------------------------------------------------ worker processes

_fetch: Any = None  # the Fetcher of this worker process


def _processes(job: Job) -> tuple[Any, ...]:
    """An event that stops them, and an executor with one process for each worker."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    try:
        what = pickle.dumps(job)  # once for all processes
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            "DataLoader: workers='processes' needs a data set, transforms, collate_fn and "
            "worker_init_fn that can be pickled (no lambdas, no nested functions): "
            f"{error}"
        ) from error
    # A forked child inherits locks held by the threads of BLAS and the kernels, and can hang.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    return stop, [
        ProcessPoolExecutor(1, context, _start_process, (what, stop, i))
        for i in range(job.num_workers)
    ]


def _start_process(what: bytes, stop: Any, worker: int) -> None:
    import multiprocessing
    import os
    import signal

    from ..kernels import set_num_threads

    set_num_threads(1)  # the workers already occupy the cores
    # Ctrl-C also reaches the main process, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent() -> None:
        parent: Any = multiprocessing.parent_process()
        parent.join()
        os._exit(1)

    # A killed main process cannot end its workers, which would wait for tasks forever.
    threading.Thread(target=end_with_parent, daemon=True).start()
    global _fetch
    _fetch = Fetcher(pickle.loads(what), stop, worker, own_process=True)


def _fetch_in_process(epoch: int, seed: int, task: Any) -> Any:
    try:
        return _fetch(epoch, seed, task)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # An exception that cannot be pickled would break the pool and lose its message.
            raise RuntimeError(
                f"DataLoader: in a worker process:\n{traceback.format_exc()}"
            ) from None
        raise
