"""What a rule of shape inference is given: a node, the types of its inputs, and known numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from .sizes import UNKNOWN, Size

if TYPE_CHECKING:
    from ..dtypes import DType
    from .ir import Node, Value
    from .sizes import Shape


MOST_AXES = 64  # of a NumPy array


class Type(NamedTuple):
    """The type of an output; shape None: not even the number of axes is known."""

    dtype: DType | None
    shape: Shape | None


class Given(NamedTuple):
    """A node with what is known about its inputs.

    numbers: arrays of integers or Free sizes of those small values that are known before the graph
    runs, such as the shape that a Reshape is given.
    """

    node: Node
    values: Mapping[str, Value]
    numbers: Mapping[str, Any]

    def has(self, i: int) -> bool:
        """Whether input i is given."""
        return i < len(self.node.inputs) and self.node.inputs[i] != ""

    def value(self, i: int) -> Value | None:
        return self.values.get(self.node.inputs[i]) if self.has(i) else None

    def dtype(self, i: int = 0) -> DType | None:
        value = self.value(i)
        return None if value is None else value.dtype

    def shape(self, i: int = 0) -> Shape | None:
        value = self.value(i)
        return None if value is None else value.shape

    def get(self, attribute: str) -> Any:
        """An attribute, or its default."""
        return self.node.get(attribute)

    def known(self, i: int) -> list[Any] | None:
        """The numbers of input i as a list; None if they are not known, or it is not given."""
        found = self.numbers.get(self.node.inputs[i]) if self.has(i) else None
        return None if found is None else np.atleast_1d(found).tolist()

    def axes(self, i: int, ndim: int) -> tuple[int, ...] | None:
        """The axes that input i names, counted from the front; None if they are not known."""
        found = self.known(i)
        return None if found is None else tuple(self.axis(axis, ndim) for axis in found)

    def axis(self, axis: int, ndim: int) -> int:
        """An axis counted from the front."""
        if not -ndim <= axis < max(ndim, 1):
            self.refuse(f"axis {axis} must lie in [{-ndim}, {ndim - 1}]")
        return axis % ndim if ndim else 0

    def rank(self, ndim: int) -> int:
        """A number of axes, if an array can have it."""
        if not 0 <= ndim <= MOST_AXES:
            self.refuse(f"{ndim} axes are more than the {MOST_AXES} of an array")
        return ndim

    def refuse(self, reason: str) -> NoReturn:
        """ValueError that names the node."""
        raise ValueError(f"{self.node.name or '?'} ({self.node.operator}): {reason}")


def unknown(ndim: int) -> tuple[Size, ...]:
    """A shape of which only the number of axes is known."""
    return (UNKNOWN,) * ndim
