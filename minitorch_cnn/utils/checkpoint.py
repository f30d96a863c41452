"""torch.utils.checkpoint: recompute a function, or a chain of functions, in backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..autograd.checkpoint import checkpoint
from ..nn.container import Sequential

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint_sequential(
    functions: Sequential | Iterable[Callable[..., Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Apply a chain of functions to `input`, in `segments` segments of equal length.

    Remaining functions join the last segment. That segment is not a checkpoint, since its backward
    runs first. About sqrt(number of functions) segments need the least memory.

    Raises: ValueError unless segments is between 1 and the number of functions.
    """
    functions = list(functions.children() if isinstance(functions, Sequential) else functions)
    if not 1 <= segments <= len(functions):
        raise ValueError(
            f"checkpoint_sequential: segments={segments} must be between 1 and the number of "
            f"functions, {len(functions)}"
        )
    size = len(functions) // segments
    last = size * (segments - 1)
    settings: dict[str, Any] = {
        "use_reentrant": use_reentrant,
        "preserve_rng_state": preserve_rng_state,
    }
    for start in range(0, last, size):
        input = checkpoint(_run, functions[start : start + size], input, **settings)
    return _run(functions[last:], input)


def _run(functions: list[Callable[..., Any]], input: Any) -> Any:
    for function in functions:
        input = function(input)
    return input
