"""Sums of products over chosen axes: einsum and tensordot, computed as matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..autograd import autocast
from .diagonal import diagonal
from .linalg import matmul
from .movement import axis_of, permute, reshape, sizes_of

if TYPE_CHECKING:
    from .tensor import Tensor

# The names of an operand's axes; a number is one of the axes that "..." stands for.
Letters: TypeAlias = "list[int | str]"


@autocast.promoted
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Multiply elements of `a` and `b` and sum over pairs of axes.

    dims=n pairs the last n axes of `a` with the first n of `b`; two sequences name the axes.
    Raises: RuntimeError for axes of unequal number or size.
    """
    if hasattr(dims, "__index__"):
        n = int(dims)
        if not 0 <= n <= min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot: dims={n} must lie in [0, {min(a.ndim, b.ndim)}]")
        left, right = list(range(a.ndim - n, a.ndim)), list(range(n))
    else:
        left, right = (
            [axis_of(d, x.ndim, "tensordot") for d in sizes_of((each,), "tensordot")]
            for x, each in zip((a, b), dims, strict=True)
        )
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise RuntimeError(
            f"tensordot: dims={dims} pair sizes {[a.shape[i] for i in left]} of a with "
            f"{[b.shape[i] for i in right]} of b, which must be equal"
        )
    rest_a = [i for i in range(a.ndim) if i not in left]
    rest_b = [i for i in range(b.ndim) if i not in right]
    inner = math.prod(a.shape[i] for i in left)
    sizes = [a.shape[i] for i in rest_a], [b.shape[i] for i in rest_b]
    x = reshape(permute(a, (*rest_a, *left)), math.prod(sizes[0]), inner)
    y = reshape(permute(b, (*right, *rest_b)), inner, math.prod(sizes[1]))
    return reshape(matmul(x, y), tuple(sizes[0] + sizes[1]))


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products by Einstein's convention; "ij,jk->ik" is the product of two matrices.

    Each axis of an operand gets a letter; equal letters are the same index, and letters missing in
    the output are summed over. Without "->" the output has the letters that occur once, in
    alphabetical order; "..." stands for further axes, which broadcast. Operands are multiplied from
    left to right.

    Raises: TypeError unless the equation is a string, ValueError if it does not fit the operands,
    RuntimeError for sizes that differ.
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string, got {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(*operands)
    inputs, output = _parsed(equation, operands)
    sizes = _sizes(equation, inputs, operands)
    terms = [_prepared(x, letters, sizes) for x, letters in zip(operands, inputs, strict=True)]
    x, letters = terms[0]
    for i, (y, others) in enumerate(terms[1:], 2):
        needed = set(output).union(*(t[1] for t in terms[i:]))
        x, letters = _product(x, letters, y, others, needed)
    summed = [i for i, letter in enumerate(letters) if letter not in output]
    if summed:
        x = x.sum(summed)
        letters = [letter for letter in letters if letter in output]
    return permute(x, tuple(letters.index(letter) for letter in output)) if letters else x


def _parsed(equation: str, operands: Sequence[Tensor]) -> tuple[list[Letters], Letters]:
    """The letters of each operand and of the output; axes under "..." are numbered from the end."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(
            f"einsum: equation {equation!r} names {len(terms)} operands, {len(operands)} are given"
        )
    inputs = [_letters(equation, term, x.ndim) for term, x in zip(terms, operands, strict=True)]
    longest = max((sum(isinstance(i, int) for i in letters) for letters in inputs), default=0)
    if arrow:
        output = _letters(equation, right, 0, longest)
        unknown = [i for i in output if not any(i in letters for letters in inputs)]
        if unknown or len(set(output)) < len(output):
            raise ValueError(
                f"einsum: the output of {equation!r} must name letters of the operands, once each"
            )
        return inputs, output
    flat = [i for letters in inputs for i in letters]
    once = sorted(i for i in flat if isinstance(i, str) and flat.count(i) == 1)
    return inputs, [*range(-longest, 0), *once]


def _letters(equation: str, term: str, ndim: int, hidden: int | None = None) -> Letters:
    """The letters of one term, with "..." replaced by the numbers of its axes."""
    before, dots, after = term.partition("...")
    if not all(c.isalpha() and c.isascii() for c in before + after):
        raise ValueError(f"einsum: {term!r} in {equation!r} must be made of letters and '...'")
    if hidden is None:
        hidden = ndim - len(before + after)
        if hidden < 0 or (hidden and not dots):
            raise ValueError(
                f"einsum: {term!r} in {equation!r} does not fit an operand of {ndim} axes"
            )
    return [*before, *(range(-hidden, 0) if dots else ()), *after]


def _sizes(
    equation: str, inputs: list[Letters], operands: Sequence[Tensor]
) -> dict[int | str, int]:
    sizes: dict[int | str, int] = {}
    for letters, x in zip(inputs, operands, strict=True):
        for letter, n in zip(letters, x.shape, strict=True):
            known = sizes.get(letter, 1)
            if n != known and 1 not in (n, known):
                raise RuntimeError(
                    f"einsum: the index {letter!r} of {equation!r} has sizes {known} and {n}"
                )
            sizes[letter] = n if known == 1 else known
    return sizes


def _prepared(x: Tensor, letters: Letters, sizes: dict[int | str, int]) -> tuple[Tensor, Letters]:
    """An operand with unique letters, without the axes of size 1 that other operands expand."""
    letters = list(letters)
    for letter in set(letters):
        while letters.count(letter) > 1:
            i = letters.index(letter)
            j = letters.index(letter, i + 1)
            if x.shape[i] != x.shape[j]:
                single = i if x.shape[i] == 1 else j
                x = x.squeeze(single)
                letters.pop(single)
                continue
            x = diagonal(x, 0, i, j)
            letters = [*letters[:i], *letters[i + 1 : j], *letters[j + 1 :], letter]
    for i in reversed(range(len(letters))):
        if x.shape[i] == 1 and sizes[letters[i]] != 1:
            x = x.squeeze(i)
            letters.pop(i)
    return x, letters


def _product(
    x: Tensor, letters: Letters, y: Tensor, others: Letters, needed: set[int | str]
) -> tuple[Tensor, Letters]:
    """Multiply x and y, summing over the letters not needed later: the product and its letters."""
    x, letters = _sum_lonely(x, letters, others, needed)
    y, others = _sum_lonely(y, others, letters, needed)
    both = [i for i in letters if i in others]
    batch, inner = [i for i in both if i in needed], [i for i in both if i not in needed]
    own = [[i for i in each if i not in both] for each in (letters, others)]
    size = {**dict(zip(letters, x.shape, strict=True)), **dict(zip(others, y.shape, strict=True))}

    def matrices(tensor: Tensor, names: Letters, *groups: Letters) -> Tensor:
        tensor = permute(tensor, tuple(names.index(i) for group in groups for i in group))
        return reshape(tensor, tuple(math.prod(size[i] for i in group) for group in groups))

    if not letters and not others:
        return x * y, []
    a = matrices(x, letters, batch, own[0], inner)
    b = matrices(y, others, batch, inner, own[1])
    result = [*batch, *own[0], *own[1]]
    return reshape(matmul(a, b), tuple(size[i] for i in result)), result


def _sum_lonely(
    x: Tensor, letters: Letters, others: Letters, needed: set[int | str]
) -> tuple[Tensor, Letters]:
    lonely = [
        i for i, letter in enumerate(letters) if letter not in others and letter not in needed
    ]
    if not lonely:
        return x, letters
    return x.sum(lonely), [letter for i, letter in enumerate(letters) if i not in lonely]
