"""The graphs of the emulator: calls on its arrays, noted in order instead of made, and made again.

While a tape records, launches and writes to arrays are only noted, as on a GPU. What makes a new
array is also made at once, from numbers without meaning, since its shape and dtype are needed. A
replay makes all calls; it writes new arrays to the memory of those that the recording made.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

# NumPy's functions that write to an argument.
WRITING = frozenset(["copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"])
# Those whose result, or its size, depends on numbers that the host would have to read.
OF_UNKNOWN_SIZE = frozenset(
    [
        *("allclose", "argwhere", "array2string", "array_equal", "array_repr", "array_str"),
        *("compress", "count_nonzero", "extract", "flatnonzero", "nonzero", "setdiff1d"),
        *("union1d", "unique"),
    ]
)
UNWRITTEN = frozenset(["empty", "empty_like"])


class GraphError(RuntimeError):
    """A step does what a graph cannot hold."""


class _ThisThread(threading.local):
    tape: Any = None  # the Tape that records
    capture: Any = None  # the Capture of graph.py, on any device


this_thread = _ThisThread()


class Tape:
    """Calls in the order in which they were noted."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], Any]] = []

    def __enter__(self) -> "Tape":
        this_thread.tape = self
        return self

    def __exit__(self, *error: object) -> None:
        this_thread.tape = None

    def note(self, call: Callable[[], Any]) -> None:
        """A call that writes to existing arrays."""
        self.calls.append(call)

    def made(self, call: Callable[[], Any], result: Any, *sources: Any) -> Any:
        """A call that made `result`: new arrays, unless they are views of the sources."""
        targets = [x.view(np.ndarray) for x in _arrays(result)]
        memory = [x.view(np.ndarray) for x in _arrays(sources)]
        if targets and not any(np.may_share_memory(t, m) for t in targets for m in memory):
            self.calls.append(lambda: _write(targets, call()))
        return result

    def replay(self) -> None:
        """Make all calls."""
        with np.errstate(all="ignore"):
            for call in self.calls:
                call()


def _arrays(x: Any) -> list[np.ndarray]:
    if isinstance(x, np.ndarray):
        return [x]
    if isinstance(x, (list, tuple)):
        return [array for part in x for array in _arrays(part)]
    return [array for part in x.values() for array in _arrays(part)] if isinstance(x, dict) else []


def _write(targets: list[np.ndarray], result: Any) -> None:
    results = result if isinstance(result, (list, tuple)) else [result]
    for target, value in zip(targets, results, strict=True):
        target[...] = value


def refuse_read(name: str) -> None:
    """Raise GraphError where a tape records: the host would read what is not computed yet."""
    if this_thread.tape is not None:
        raise GraphError(f"{name}, for which the host waits,")


def reading(name: str) -> Any:
    """The method of that name, which reads numbers to the host."""

    def method(self: Any, *args: Any) -> Any:
        refuse_read(f"{name}()" if name.isalpha() else f"{name.strip('_')}(array)")
        return getattr(np.ndarray, name)(self, *args)

    return method


def making(name: str, view: Callable[[Any], Any]) -> Any:
    """The method of that name, which makes an array or a view; `view` makes it the emulator's."""

    def method(self: Any, *args: Any, **settings: Any) -> Any:
        def call() -> Any:
            return getattr(np.ndarray, name)(self, *args, **settings)

        result = call()
        tape = this_thread.tape
        if tape is None:
            return result
        found = result if isinstance(result, type(self)) else view(result)
        return tape.made(call, found, self)

    return method


def writing(name: str) -> Any:
    """The method of that name, which writes to the array."""

    def method(self: Any, *args: Any, **settings: Any) -> Any:
        def call() -> Any:
            return getattr(np.ndarray, name)(self, *args, **settings)

        tape = this_thread.tape
        return call() if tape is None else tape.note(call)

    return method
