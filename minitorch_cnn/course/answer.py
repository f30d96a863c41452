"""How a check answers: yes or no, with the reason, whatever the student's function does."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..tensor import Tensor


class No(Exception):
    """The answer no; its text is the reason, which does not give the solution away."""


def check(question: Callable[..., str]) -> Callable[..., None]:
    """Turn a function that returns why the answer is yes, or raises, into one that prints it.

    An exception of any kind is a no: what students hand in may fail in any way.
    """

    @functools.wraps(question)
    def answer(*args) -> None:
        try:
            reason = question(*args)
        except No as no:
            print(f"no: {no}")
        except Exception as error:
            print(f"no: it raised {type(error).__name__}: {error}")
        else:
            print(f"yes: {reason}")

    return answer


def array(value) -> np.ndarray:
    """A Tensor's array, or an array of anything else."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def compare(mine, right, what: str, tolerance: float = 1e-9) -> None:
    """Raise No unless two arrays agree in shape and, relative to the largest value, in numbers.

    what: how the reason calls the student's.
    """
    if mine is None:
        raise No(f"{what}: the function returned None")
    mine, right = array(mine), array(right)
    if mine.shape != right.shape:
        raise No(f"{what} has shape {mine.shape}, it should have {right.shape}")
    if not np.isfinite(mine).all():
        raise No(f"{what} has values that are not finite")
    difference = np.abs(mine - right)
    allowed = tolerance * max(float(np.abs(right).max(initial=0)), 1.0)
    if difference.max(initial=0) > allowed:
        at = tuple(map(int, np.unravel_index(difference.argmax(), difference.shape)))
        raise No(f"{what} is wrong, most of all at index {at}, by {difference.max():.3g}")
