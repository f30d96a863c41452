"""compare: whether two arrays are equal, and if not, how the student's is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np

from ..tensor import Tensor


class No(Exception):
    """The answer no, with a reason that does not give the solution away."""

    begins = "no"


class Skipped(No):
    """No answer, since this machine lacks what the check needs."""

    begins = "skipped"


def array(value) -> np.ndarray:
    """A Tensor's array, or another value as an array. Raises: No for None."""
    if value is None:
        raise No("it returns None: is there no return?")
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def compare(
    mine,
    right,
    what: str,
    tolerance: float = 1e-9,
    mistakes: Iterable[tuple[str, object]] = (),
) -> None:
    """Raise No unless two arrays agree in shape and, relative to the largest value, in numbers.

    what: the reason's name of the student's array. mistakes: pairs of a reason and the array of a
    common mistake, or a function that computes it. An unexplained difference is described: a
    factor, a sign, swapped axes, or the number and the place of wrong values.
    """
    if mine is None:
        raise No(f"{what}: the function returned None")
    mine, right = array(mine), array(right)
    if mine.dtype.kind not in "biuf":
        raise No(f"{what} holds {mine.dtype} values, not numbers")
    if close(mine, right, tolerance):
        return
    for reason, wrong in mistakes:
        if close(mine, array(wrong() if callable(wrong) else wrong), tolerance):
            raise No(reason)
    if mine.shape != right.shape:
        wrong = f"{what} has shape {mine.shape}, it should have {right.shape}"
        raise No(wrong + about_shapes(mine.shape, right.shape))
    if not np.isfinite(mine).all():
        raise No(f"{what} has values that are not finite")
    raise No(f"{what} {about_numbers(mine.astype(float), right.astype(float), tolerance)}")


def compare_all(
    function: Callable,
    cases: Sequence[tuple],
    right: Callable,
    what: str,
    mistakes: Iterable[tuple[str, Callable]] = (),
) -> None:
    """Raise No unless function(*case) is the number right(*case) in all cases.

    what: the reason's name of the number, with {} for the case. mistakes: pairs of a reason and a
    function that makes the mistake. The first mistake that explains all numbers is the reason.
    """
    found = [function(*case) for case in cases]
    for case, mine in zip(cases, found, strict=True):
        if array(mine).shape != ():
            raise No(f"{what.format(case)} is not a number: it has shape {array(mine).shape}")
    numbers, rights = np.array(list(map(array, found))), np.array([right(*case) for case in cases])
    if numbers.dtype.kind in "biuf" and not close(numbers, rights, 1e-9):
        for reason, wrong in mistakes:
            if close(numbers, np.array([wrong(*case) for case in cases]), 1e-9):
                raise No(reason)
    for case, mine in zip(cases, found, strict=True):
        compare(mine, right(*case), what.format(case))


def close(mine: np.ndarray, right: np.ndarray, tolerance: float) -> bool:
    """Whether shapes are equal, and numbers up to a fraction of the largest."""
    if mine.shape != right.shape or not np.isfinite(mine).all():
        return False
    allowed = tolerance * max(float(np.abs(right).max(initial=0)), 1.0)
    return bool(np.abs(mine.astype(float) - right).max(initial=0) <= allowed)


def about_shapes(mine: tuple[int, ...], right: tuple[int, ...]) -> str:
    """A likely reason for a wrong shape, as the end of a sentence, or ""."""
    if len(mine) == len(right):
        if sorted(mine) == sorted(right):
            return ": the axes are in another order"
        off = [i for i, (a, b) in enumerate(zip(mine, right, strict=True)) if a != b]
        if all(abs(mine[i] - right[i]) == 1 for i in off):
            size = "large" if mine[off[0]] > right[off[0]] else "small"
            return f": one too {size} along axis {' and '.join(map(str, off))}"
    if [n for n in mine if n != 1] == [n for n in right if n != 1]:
        return ": an axis of length 1 " + ("is missing" if len(mine) < len(right) else "is left")
    return ""


def about_numbers(mine: np.ndarray, right: np.ndarray, tolerance: float) -> str:
    """The kind of error of an array of the right shape."""
    if mine.size > 1 and not mine.any():
        return "is zero everywhere"
    if np.vdot(right, right):
        factor = np.vdot(mine, right) / np.vdot(right, right)
        if close(mine, factor * right, tolerance) and (mine.size > 1 or factor == -1):
            if np.isclose(factor, -1):
                return "has the wrong sign"
            return f"is {factor:.4g} times what it should be"
    if mine.size > 2 and close(mine - right, np.full(mine.shape, (mine - right).mean()), tolerance):
        return f"is off by {(mine - right).mean():.4g} everywhere"
    for axis in range(mine.ndim):
        if mine.shape[axis] > 1 and close(np.flip(mine, axis), right, tolerance):
            return f"is in reverse order along axis {axis}"
    for a, b in combinations(range(mine.ndim), 2):
        swapped = mine.swapaxes(a, b)
        if close(swapped, right, tolerance):
            return f"has its axes {a} and {b} swapped"
    difference = np.abs(mine - right)
    if mine.size == 1:
        return f"is {mine.item():.6g}, which is wrong by {difference.item():.3g}"
    at = tuple(map(int, np.unravel_index(difference.argmax(), difference.shape)))
    wrong = difference > tolerance * max(float(np.abs(right).max(initial=0)), 1.0)
    share = f"in {int(wrong.sum())} of {wrong.size} numbers"
    return f"is wrong {share}, most at index {at}, by {difference.max():.3g}"
