"""torch.jit and torch.compile: programs run as they are written, so these give what they get.

A compiled function or module gives the results of the one that it is made of; here it is that one.
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
    """The model or function itself; without one, a decorator that does so."""
    return (lambda function: function) if model is None else model


def script(obj: F, *args: Any, **settings: Any) -> F:
    """The function, class or module itself."""
    return obj


def trace(func: F, *args: Any, **settings: Any) -> F:
    """The function or module itself."""
    return func


def ignore(drop: Any = False, **settings: Any) -> Any:
    """The function itself: a decorator with or without arguments."""
    return drop if callable(drop) else (lambda function: function)


def unused(fn: F) -> F:
    """The function itself."""
    return fn


def export(fn: F) -> F:
    """The function itself."""
    return fn


script_method = unused


def is_scripting() -> bool:
    """False: programs run as they are written."""
    return False


is_tracing = is_scripting


def save(*args: Any, **settings: Any) -> NoReturn:
    """RuntimeError: there are no compiled programs to store."""
    raise RuntimeError("jit.save: there is no compiled program; mt.save keeps a state_dict")


def load(*args: Any, **settings: Any) -> NoReturn:
    """RuntimeError: programs in files are not run."""
    raise RuntimeError("jit.load: programs in files are never run; mt.load reads weights")
