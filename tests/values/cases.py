"""What a case of the value tables is, and draws of numbers for it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

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


def normal(*shape):
    """Draws from N(0, 1)."""
    return _rng.standard_normal(shape)


def positive(*shape):
    """Draws from [0.5, 2)."""
    return _rng.uniform(0.5, 2, shape)


def apart(*shape):
    """Distinct multiples of 0.5 plus 0.25, of both signs: exact in 16 bits."""
    n = int(np.prod(shape))
    return (_rng.permutation(n) - n // 2).reshape(shape) * 0.5 + 0.25


def nonzero(*shape):
    """Draws of both signs, at least 0.5 from 0."""
    return positive(*shape) * _rng.choice([-1.0, 1.0], shape)


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
