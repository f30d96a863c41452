"""torch.jit and torch.compile, which return their argument: programs run as written.

In PyTorch a compiled function gives the results of the original; here it is the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])


@overload
def compile(model: F, **settings: Any) -> F: ...
@overload
def compile(model: None = None, **settings: Any) -> Callable[[F], F]: ...
def compile(model: Any = None, **settings: Any) -> Any:
    """Return the model or function unchanged; without one, return a decorator that does."""
    return (lambda function: function) if model is None else model


def script(obj: F, *args: Any, **settings: Any) -> F:
    """Return the function, class or module unchanged."""
    return obj


def trace(func: F, *args: Any, **settings: Any) -> F:
    """Return the function or module unchanged."""
    return func


def ignore(drop: Any = False, **settings: Any) -> Any:
    """Return the function unchanged; a decorator with or without arguments."""
    return drop if callable(drop) else (lambda function: function)


def unused(fn: F) -> F:
    """Return the function unchanged."""
    return fn


def export(fn: F) -> F:
    """Return the function unchanged."""
    return fn


script_method = unused


def is_scripting() -> bool:
    """False: programs run as written."""
    return False


is_tracing = is_scripting


def save(*args: Any, **settings: Any) -> NoReturn:
    """Raises RuntimeError: there are no compiled programs to save."""
    raise RuntimeError("jit.save: there is no compiled program; mt.save keeps a state_dict")


def load(*args: Any, **settings: Any) -> NoReturn:
    """Raises RuntimeError: programs in files are never run."""
    raise RuntimeError("jit.load: programs in files are never run; mt.load reads weights")
