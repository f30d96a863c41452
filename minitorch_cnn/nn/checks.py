"""Checks of settings that layers share, made when a layer is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from ..functional.geometry import is_int
from ..spelling import nearest


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether a value is a tuple, of whatever."""
    return isinstance(value, tuple)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a tuple or a list, of whatever."""
    return isinstance(value, tuple | list)


def check_sizes(layer: str, **sizes: int) -> None:
    """TypeError or ValueError, in the name of the layer, unless all are ints of at least 1."""
    for name, size in sizes.items():
        if not is_int(size):
            raise TypeError(f"{layer}: {name}={size!r} must be an int")
        if size < 1:
            raise ValueError(f"{layer}: {name}={size} must be at least 1")


def ints(layer: str, name: str, value: Any, count: int, least: int) -> Any:
    """`value`, an int or `count` of them, as a tuple of `count` ints, none below `least`."""
    values = tuple(value) if is_sequence(value) else (value,)
    if len(values) == 1:
        values *= count
    if len(values) != count or not all(map(is_int, values)):
        raise TypeError(f"{layer}: {name}={value!r} must be an int or a tuple of length {count}")
    if min(values) < least:
        raise ValueError(f"{layer}: {name}={value} must be at least {least}")
    return tuple(map(int, values))


def check_divides(layer: str, name: str, divisor: int, **sizes: int) -> None:
    """ValueError, in the name of the layer, unless `divisor` divides all sizes."""
    for other, size in sizes.items():
        if size % divisor:
            raise ValueError(f"{layer}: {name}={divisor} must divide {other}={size}")


def check_one_of(layer: str, allowed: tuple[str, ...], **setting: str) -> None:
    """ValueError, in the name of the layer, unless the setting is one of those allowed."""
    for name, value in setting.items():
        if value not in allowed:
            raise ValueError(
                f"{layer}: {name}={value!r} must be one of {', '.join(map(repr, allowed))}"
                f"{nearest(value, allowed)}"
            )


def check_probability(layer: str, **setting: float) -> None:
    """ValueError, in the name of the layer, unless the setting lies between 0 and 1."""
    for name, p in setting.items():
        if not 0 <= p <= 1:
            raise ValueError(f"{layer}: {name}={p} must be in [0, 1]")
