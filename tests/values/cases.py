"""The cases of the value tables, and random numbers for them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.tensor.cases import normal

_rng = np.random.default_rng(40)


class Case(NamedTuple):
    """call(*tensors) must be reference(*arrays), which is NumPy's, in float64.

    slopes: whether gradients are compared, too; they are not where the result has none.
    """

    name: str
    call: Callable
    reference: Callable
    arrays: tuple
    slopes: bool = True


def within(*shape):
    """Draws from (-0.9, 0.9)."""
    return _rng.uniform(-0.9, 0.9, shape)


def integers(high, *shape):
    """int64 from 0 to high - 1."""
    return _rng.integers(0, high, shape)


SHAPES = ((2, 3), (), (0, 3))


def unary(name, call, reference, draw=normal, slopes=True, shapes=SHAPES):
    """A function of one tensor, on a matrix, a number and nothing."""
    return [Case(name, call, reference, (draw(*shape),), slopes) for shape in shapes]


def binary(name, call, reference, a=normal, b=normal, slopes=True):
    """A function of two tensors that broadcast."""
    pairs = (((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2,)), ((), ()), ((0, 2), (2,)))
    return [Case(name, call, reference, (a(*p), b(*q)), slopes) for p, q in pairs]
