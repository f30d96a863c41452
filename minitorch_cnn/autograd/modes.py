"""The switches that control recording, per thread: whether to record, whether to check for NaN."""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import Self

    from .autocast import Casts
    from .checkpoint import Recording, Region

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound="Callable[..., Any]")


class Modes:
    """The switches of one thread."""

    def __init__(self) -> None:
        self.grad = True
        self.anomaly = False
        self.checkpoint: Region | Recording | None = None  # the innermost; its nodes keep nothing
        self.recomputing = False
        self.block: _Block | None = None  # the innermost open block of a switch
        self.autocast: dict[str, Casts] = {}  # by type of device


class _ThisThread(threading.local):
    """Each thread has its own switches here: `this_thread.modes.grad`."""

    def __init__(self) -> None:
        self.modes = Modes()


this_thread = _ThisThread()


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded for a backward pass."""
    return this_thread.modes.grad


def is_recomputing() -> bool:
    """Whether `checkpoint` is rerunning a function: updates of running statistics are skipped."""
    return this_thread.modes.recomputing


class _Block:
    """The state that leaving a block has to restore: a switch of a thread as it was before."""

    __slots__ = ("before", "modes", "name", "outer", "switch")

    def __init__(self, switch: _Switch, modes: Modes, before: Any) -> None:
        self.modes, self.name, self.before = modes, switch.name, before
        self.outer = modes.block
        self.switch = weakref.ref(switch, self.abandon)

    def close(self) -> None:
        self.modes.block, self.outer, self.switch = self.outer, None, None

    def abandon(self, _: object) -> None:
        """Restore the state if an interrupt stopped the first instruction of __exit__."""
        if self.modes.block is self:
            self.modes.__dict__[self.name] = self.before
            self.close()


class _Switch:
    """A context manager and decorator that sets one switch of this thread and restores it.

    A decorated generator function runs each of its steps in the mode, while its consumer keeps its
    own mode. An interrupt (Ctrl-C) between any two instructions leaves no switch set.
    """

    name: str = "grad"
    value: bool = False
    blocks: tuple[
        _Block, ...
    ] = ()  # several, if one object is entered again while it is active

    if TYPE_CHECKING:  # both are called with the same arguments, and a subclass may name others

        @overload
        def __new__(cls, mode: bool | None = None) -> Self: ...
        @overload
        def __new__(cls, mode: F) -> F: ...
        def __new__(cls, mode: Any = None) -> Any: ...

    else:

        def __new__(cls, mode=None):
            self = super().__new__(cls)
            return self(mode) if callable(mode) else self  # @no_grad without parentheses

        def __init__(self):
            """Accept no arguments."""

    def what_was(self, modes: Modes) -> Any:
        """The value to restore after a block that is entered now."""
        return getattr(modes, self.name)

    # Python handles signals where calls begin and end: the statement that sets the switch is the
    # last of __enter__ and the one that restores it the first of __exit__, and neither is a call.

    def __enter__(self) -> Self:
        modes = this_thread.modes
        modes.block = block = _Block(self, modes, self.what_was(modes))
        self.blocks += (block,)
        modes.__dict__[self.name] = self.value
        return self

    def __exit__(self, *error: object) -> None:
        block = self.blocks[-1]
        block.modes.__dict__[self.name] = block.before
        self.blocks = self.blocks[:-1]
        block.close()

    def run(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call fn(*args, **kwargs) in the mode."""
        modes = this_thread.modes
        before = getattr(modes, self.name)
        try:
            setattr(modes, self.name, self.value)
            return fn(*args, **kwargs)
        finally:
            setattr(modes, self.name, before)

    def __call__(self, fn: F) -> F:
        if isinstance(fn, type) or not callable(fn):
            what = f"the class {fn.__name__}" if isinstance(fn, type) else type(fn).__name__
            raise TypeError(
                f"{type(self).__name__}: only functions and methods are decorated, got {what}"
            )
        if inspect.isgeneratorfunction(fn):
            steps: Any = _in_steps(self.run, fn)
            return steps

        def switched(*args: Any, **kwargs: Any) -> Any:
            return self.run(fn, *args, **kwargs)

        wrapped: Any = functools.wraps(fn)(switched)
        return wrapped


def _in_steps(run: Callable[..., Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    """The generator function `fn` with each step executed by `run`."""

    @functools.wraps(fn)
    def switched(*args: Any, **kwargs: Any) -> Any:
        generator = run(fn, *args, **kwargs)
        step: Callable[..., Any] = generator.send
        given: Any = None
        while True:
            try:
                result = run(step, given)
            except StopIteration as end:
                return end.value
            finally:
                given = None  # drop the error: its traceback holds this frame
            try:
                step, given = generator.send, (yield result)
            except GeneratorExit:
                run(generator.close)
                raise
            except BaseException as error:
                step, given = generator.throw, error

    return switched


class no_grad(_Switch):
    """Disable recording: `with no_grad():`, `@no_grad()` or `@no_grad`.

    Results do not require grad.
    """


class enable_grad(_Switch):
    """Enable recording inside a `no_grad` block."""

    value = True


class inference_mode(_Switch):
    """Disable recording, as `no_grad` does; `inference_mode(False)` is `enable_grad`.

    Unlike PyTorch's, the tensors made in it are ordinary tensors afterwards.
    """

    def __init__(self, mode: bool = True) -> None:
        self.value = not _checked("inference_mode", mode)


class set_grad_enabled(_Switch):
    """Switch recording on or off from now on: `set_grad_enabled(False)`.

    As a context manager it restores the state from before its creation; as a decorator it acts
    inside the function only.
    """

    def __new__(cls, mode: bool) -> Self:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self.value = _checked("set_grad_enabled", mode)
        self.when_made = this_thread.modes.grad
        this_thread.modes.grad = self.value

    def what_was(self, modes: Modes) -> bool:
        return self.when_made

    def __call__(self, fn: F) -> F:
        this_thread.modes.grad = self.when_made
        return super().__call__(fn)


def _checked(name: str, mode: object) -> bool:
    """`mode`; TypeError if it is no bool."""
    if not isinstance(mode, bool):
        raise TypeError(f"{name}: mode={mode!r} must be a bool")
    return mode


class detect_anomaly(_Switch):
    """Stop a backward pass at the first op whose gradient is NaN, and show its forward call.

    Raises RuntimeError naming the op and the index of its input, with the traceback of the forward
    call. Slow: every op records its stack. Both the forward and the backward pass must be inside
    the block. check_nan is PyTorch's; ValueError for False.
    """

    name, value = "anomaly", True

    def __new__(cls, check_nan: bool = True) -> Self:
        if check_nan is False:
            raise ValueError("detect_anomaly: check_nan=False leaves nothing to detect")
        return super().__new__(cls, check_nan)

    def __init__(self, check_nan: bool = True) -> None:
        """Accept check_nan, which __new__ has checked."""


class set_detect_anomaly(_Switch):
    """Switch `detect_anomaly` on or off from now on: `set_detect_anomaly(True)`.

    As a context manager it restores the state from before its creation. check_nan is PyTorch's;
    ValueError for False.
    """

    name = "anomaly"

    def __new__(cls, mode: bool, check_nan: bool = True) -> Self:
        return object.__new__(cls)

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.value = _checked("set_detect_anomaly", mode)
        if check_nan is False:
            raise ValueError("set_detect_anomaly: check_nan=False leaves nothing to detect")
        self.when_made = this_thread.modes.anomaly
        this_thread.modes.anomaly = self.value

    def what_was(self, modes: Modes) -> bool:
        return self.when_made
