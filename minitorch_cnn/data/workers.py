"""Batches loaded ahead of time by threads or processes, handed over in order.

Threads share memory and start at once; they run at the same time wherever NumPy, Pillow and file
reading let go of the interpreter. Processes run everything at the same time, but each starts a
Python of its own and sends its batches through a pipe.
"""

from __future__ import annotations

import pickle
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .randomness import load_sample


@dataclass
class Fetcher:
    """Loads batches: what a worker has to know, in a form that can be sent to a process."""

    dataset: Any
    collate_fn: Callable
    seed: int
    stop: Any  # an Event of threading or multiprocessing: set when nobody wants the batch any more

    def __call__(self, task: tuple[int, list[int]]):
        """The batch of `task`: (position of the first sample in the epoch, indices of samples)."""
        first, indices = task
        samples = []
        for position, index in enumerate(indices, first):
            if self.stop.is_set():
                return None
            samples.append(load_sample(self.dataset, index, self.seed, position))
        return self.collate_fn(samples)


def load_here(dataset, collate_fn, seed: int, tasks: Iterator) -> Iterator:
    """The batches of `tasks`, each loaded when it is asked for."""
    yield from map(Fetcher(dataset, collate_fn, seed, threading.Event()), tasks)


def load_in_threads(dataset, collate_fn, seed: int, tasks, workers: int, ahead: int) -> Iterator:
    """The batches of `tasks`, loaded by `workers` threads at most `ahead` batches early."""
    fetch = Fetcher(dataset, collate_fn, seed, threading.Event())
    executor = ThreadPoolExecutor(workers, thread_name_prefix="DataLoader")
    return _in_order(executor, fetch, tasks, ahead, fetch.stop)


def load_in_processes(dataset, collate_fn, seed: int, tasks, workers: int, ahead: int) -> Iterator:
    """The batches of `tasks`, loaded by `workers` processes at most `ahead` batches early.

    Each process gets a copy of the data set.

    Raises TypeError if the data set or the collate function cannot be sent to a process.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    try:
        what = pickle.dumps((dataset, collate_fn))  # once, not once per process
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            "DataLoader: workers='processes' needs a data set, transforms and collate_fn that can "
            f"be pickled (no lambdas, no functions inside functions): {error}"
        ) from error
    # A forked child inherits locks held by the threads of BLAS and of the kernels, and can hang.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    executor = ProcessPoolExecutor(workers, context, _start_process, (what, seed, stop))
    return _in_order(executor, _fetch_in_process, tasks, ahead, stop)


def _in_order(executor: Executor, fetch: Callable, tasks, ahead: int, stop) -> Iterator:
    """Yield the tasks' results in order, `ahead` tasks early; end the workers however this ends."""
    tasks = iter(tasks)
    pending: deque[Future] = deque()
    try:
        pending.extend(executor.submit(fetch, task) for task in islice(tasks, ahead))
        while pending:
            batch = _result(pending.popleft())
            pending.extend(executor.submit(fetch, task) for task in islice(tasks, 1))
            yield batch
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


def _result(future: Future):
    """The future's result; waits in steps: on Windows, Ctrl-C is seen between two waits only."""
    while not wait([future], timeout=0.5).done:
        pass
    try:
        return future.result()
    except BrokenExecutor as error:
        raise RuntimeError(
            "DataLoader: a worker process died before it could report an error; it was killed "
            "(out of memory?) or cannot import the script that defines the data set"
        ) from error


_fetch: Fetcher | None = None  # of this worker process


def _start_process(what: bytes, seed: int, stop) -> None:
    import multiprocessing
    import os
    import signal

    from ..kernels import set_num_threads

    set_num_threads(1)  # the workers share the cores already
    # Ctrl-C also reaches the main process, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end_with_parent():
        multiprocessing.parent_process().join()
        os._exit(1)

    # A main process that is killed cannot end its workers, which would wait for tasks for ever.
    threading.Thread(target=end_with_parent, daemon=True).start()
    global _fetch
    _fetch = Fetcher(*pickle.loads(what), seed, stop)


def _fetch_in_process(task):
    try:
        return _fetch(task)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # An exception that cannot travel would break the pool and lose its message.
            raise RuntimeError(
                f"DataLoader: in a worker process:\n{traceback.format_exc()}"
            ) from None
        raise
