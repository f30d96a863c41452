"""torch.jit, which returns its argument: programs run as written. torch.compile compiles models.

In PyTorch a compiled function gives the results of the original; here it is the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def compile(model: Any = None, **settings: Any) -> Any:
    """Return a model's compiled form; a function unchanged; without one, a decorator.

    The compiled model is called as the model is. In evaluation mode, where no gradients are
    recorded, it runs a graph of the model, captured at the first call with inputs of new shapes:
    batch norm folded into convolutions, bias, residual sums and ReLUs fused with them, images in
    blocks of channels, memory planned. Results agree with the model's to rounding. In training
    mode, where gradients are recorded, with hooks, and without Numba the model itself runs.
    Weights that change, and modules that are exchanged, are noticed at the next call.

    settings: PyTorch's, which change no result.
    Raises: RuntimeError, at a call, that names the module which does what a graph cannot hold.

    >>> fast = mt.compile(model.eval())
    >>> with mt.no_grad():
    ...     y = fast(x)
    >>> fast.explain()
    """
    if model is None:
        return lambda given: compile(given, **settings)
    from .nn import Module

    if not isinstance(model, Module):
        return model
    from .compiler import Compiled

    return Compiled(model)


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
