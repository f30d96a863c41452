"""Checks of the settings of layers, made when a layer is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from ..functional.geometry import is_int
from ..spelling import nearest


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether a value is a tuple; its items may have any type."""
    return isinstance(value, tuple)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a tuple or a list; its items may have any type."""
    return isinstance(value, tuple | list)


def check_sizes(layer: str, **sizes: int) -> None:
    """Check that sizes are ints of at least 1. Raises: TypeError, ValueError, naming the layer."""
    for name, size in sizes.items():
        if not is_int(size):
            raise TypeError(f"{layer}: {name}={size!r} must be an int")
        if size < 1:
            raise ValueError(f"{layer}: {name}={size} must be at least 1")


def ints(layer: str, name: str, value: Any, count: int, least: int) -> Any:
    """Return `value`, an int or `count` ints of at least `least`, as a tuple of `count` ints."""
    values = tuple(value) if is_sequence(value) else (value,)
    if len(values) == 1:
        values *= count
    if len(values) != count or not all(map(is_int, values)):
        raise TypeError(f"{layer}: {name}={value!r} must be an int or a tuple of length {count}")
    if min(values) < least:
        raise ValueError(f"{layer}: {name}={value} must be at least {least}")
    return tuple(map(int, values))


def check_divides(layer: str, name: str, divisor: int, **sizes: int) -> None:
    """Check that `divisor` divides all sizes. Raises: ValueError, naming the layer."""
    for other, size in sizes.items():
        if size % divisor:
            raise ValueError(f"{layer}: {name}={divisor} must divide {other}={size}")


def check_one_of(layer: str, allowed: tuple[str, ...], **setting: str) -> None:
    """Check that the setting is allowed. Raises: ValueError, naming the layer."""
    for name, value in setting.items():
        if value not in allowed:
            raise ValueError(
                f"{layer}: {name}={value!r} must be one of {', '.join(map(repr, allowed))}"
                f"{nearest(value, allowed)}"
            )


def check_probability(layer: str, **setting: float) -> None:
    """Check that the setting is in [0, 1]. Raises: ValueError, naming the layer."""
    for name, p in setting.items():
        if not 0 <= p <= 1:
            raise ValueError(f"{layer}: {name}={p} must be in [0, 1]")
