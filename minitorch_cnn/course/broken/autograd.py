"""Notebook 1: a backward and a product with bugs."""

from ...tensor import Tensor
from ..autograd import one_use_of_each, through


def forgetful_backward(root, cotangent) -> None:
    """The gradient of a node that is used again is that of one use."""
    one_use_of_each(root, cotangent)


def swapped_product(a, b):
    """A product that multiplies a's gradient by a instead of b."""
    right = through(type(a), Tensor.__mul__, a, b)
    (_, to_a), (_, to_b) = right.edges
    return type(a)(right.value, [(a, to_b), (b, to_a)])
