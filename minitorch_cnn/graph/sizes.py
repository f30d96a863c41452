"""Sizes of axes: numbers, or free ones that are known when the graph runs (the batch's N)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Free:
    """The size times * name + plus, for a `name` that stands for any size: N, 4*N, N+1.

    Sums, differences, products and quotients that have this form are exact; all others are UNKNOWN.
    """

    name: str
    times: int = 1
    plus: int = 0

    def __str__(self) -> str:
        if self.name == "?":
            return "?"
        text = self.name if self.times == 1 else f"{self.times}*{self.name}"
        return text if not self.plus else f"{text}{self.plus:+d}"

    def __add__(self, other: Size) -> Size:
        if self.name == "?":
            return self
        if isinstance(other, Free):
            if other.name != self.name:
                return UNKNOWN
            return _free(self.name, self.times + other.times, self.plus + other.plus)
        return _free(self.name, self.times, self.plus + int(other))

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self if self.name == "?" else _free(self.name, -self.times, -self.plus)

    def __sub__(self, other: Size) -> Size:
        return self + (-other)

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, Free) or self.name == "?":
            return 0 if other == 0 else UNKNOWN
        return _free(self.name, self.times * int(other), self.plus * int(other))

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        if self.name == "?":
            return UNKNOWN
        if self == other:
            return 1
        if isinstance(other, Free):
            whole = other.name == self.name and other.plus == self.plus == 0
            exact = whole and self.times % other.times == 0
            return self.times // other.times if exact else UNKNOWN
        if self.times % int(other):
            return UNKNOWN
        # The remainder of N does not matter: only that of the constant part does.
        return _free(self.name, self.times // int(other), self.plus // int(other))

    def __rfloordiv__(self, other: int) -> Size:
        return 0 if other == 0 else UNKNOWN


Size: TypeAlias = "int | Free"
Shape: TypeAlias = "tuple[Size, ...]"

UNKNOWN = Free("?")


def _free(name: str, times: int, plus: int) -> Size:
    return Free(name, times, plus) if times else plus


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements of a shape."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def agree(a: Size, b: Size) -> bool:
    """Whether two sizes can be equal: they are, or nothing is known about one of them."""
    return a == b or UNKNOWN in (a, b)


def one_of(a: Size, b: Size) -> Size:
    """The better known of two sizes that are equal."""
    return b if a == UNKNOWN or (isinstance(a, Free) and isinstance(b, int)) else a


def text_of(shape: Shape | None) -> str:
    """A shape as it is printed: (N, 3, 32, 32); "?" where even the number of axes is unknown."""
    if shape is None:
        return "?"
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
