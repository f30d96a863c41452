"""The switches under which a graph is built, per thread: record or not, watch for NaNs or not."""

from __future__ import annotations

import functools
import threading


class Modes:
    """The switches of one thread."""

    grad = True
    anomaly = False
    checkpoint = None  # the innermost region whose nodes keep nothing (checkpoint.py)
    recomputing = False


class _ThisThread(threading.local):
    """Each thread finds its own switches here: `this_thread.modes.grad`."""

    def __init__(self):
        self.modes = Modes()


this_thread = _ThisThread()


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded for a backward pass."""
    return this_thread.modes.grad


def is_recomputing() -> bool:
    """Whether `checkpoint` runs a function again: side effects (running statistics) are skipped."""
    return this_thread.modes.recomputing


class _Switch:
    """A context manager and decorator that sets one switch of this thread and puts it back."""

    name: str
    value: bool

    def __enter__(self):
        # A stack, because one object may be entered again while it is already in force.
        modes = this_thread.modes
        self.__dict__.setdefault("before", []).append(getattr(modes, self.name))
        setattr(modes, self.name, self.value)
        return self

    def __exit__(self, *error):
        setattr(this_thread.modes, self.name, self.before.pop())

    def __call__(self, fn):
        @functools.wraps(fn)
        def switched(*args, **kwargs):
            with type(self)():
                return fn(*args, **kwargs)

        return switched


class no_grad(_Switch):
    """`with no_grad():` or `@no_grad()`: nothing is recorded, results do not require grad."""

    name, value = "grad", False


class enable_grad(_Switch):
    """Record again inside a `no_grad` block."""

    name, value = "grad", True


class detect_anomaly(_Switch):
    """Stop a backward pass at the first op whose gradient is NaN, and show where its forward ran.

    Raises RuntimeError naming the op and the index of its input, with the traceback of the forward
    call. Slow: every op records its stack. Both the forward and the backward pass belong inside the
    block.
    """

    name, value = "anomaly", True
