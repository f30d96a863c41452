"""In-place functions: names with a trailing underscore, whose result replaces the input.

inplace.py documents which writes are refused and how the graph records them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes, random
from ..autograd import array_function
from . import (
    activation,
    arithmetic,
    bounds,
    comparison,
    compound,
    elementwise,
    gathering,
    logarithm,
    parts,
    rounding,
    special_functions,
    trigonometry,
)
from .diagonal import tril, triu
from .inplace import _check_fits, _overwrite, check_writable, replace
from .scatter import _scatter, index_add, index_copy, index_fill, masked_scatter

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DType, Operand, Shape


def _of_one(op: Callable[..., Tensor]):
    name = op.__name__ + "_"

    def in_place(input: Tensor) -> Tensor:
        return replace(input, name, op)

    in_place.__name__, in_place.__doc__ = name, f"`{op.__name__}`, in place."
    return in_place


abs_, neg_, sign_ = map(_of_one, (elementwise.abs, elementwise.neg, elementwise.sign))
square_, sqrt_, rsqrt_ = map(_of_one, (elementwise.square, elementwise.sqrt, elementwise.rsqrt))
exp_, expm1_, log_ = map(_of_one, (elementwise.exp, elementwise.expm1, elementwise.log))
log1p_, erf_, log2_ = map(_of_one, (elementwise.log1p, elementwise.erf, logarithm.log2))
reciprocal_, sin_, cos_ = map(_of_one, (elementwise.reciprocal, elementwise.sin, elementwise.cos))
tan_, atan_ = map(_of_one, (trigonometry.tan, trigonometry.atan))
relu_, sigmoid_, tanh_ = map(_of_one, (activation.relu, activation.sigmoid, activation.tanh))
floor_, ceil_, trunc_ = map(_of_one, (rounding.floor, rounding.ceil, rounding.trunc))
frac_, log10_, exp2_ = map(_of_one, (rounding.frac, logarithm.log10, logarithm.exp2))
bitwise_not_, logical_not_ = map(_of_one, (comparison.bitwise_not, comparison.logical_not))


def _of_two(op: Callable[..., Tensor]):
    name = op.__name__ + "_"

    def in_place(input: Tensor, other: Operand) -> Tensor:
        return replace(input, name, op, other)

    in_place.__name__, in_place.__doc__ = name, f"`{op.__name__}`, in place."
    return in_place


logical_and_, logical_or_ = map(_of_two, (comparison.logical_and, comparison.logical_or))
logical_xor_, fmod_ = map(_of_two, (comparison.logical_xor, arithmetic.fmod))


eq_, ne_, lt_ = map(_of_two, (comparison.eq, comparison.ne, comparison.lt))
le_, gt_, ge_ = map(_of_two, (comparison.le, comparison.gt, comparison.ge))
acos_, asin_, cosh_ = map(_of_one, (trigonometry.acos, trigonometry.asin, trigonometry.cosh))
sinh_, asinh_ = map(_of_one, (trigonometry.sinh, trigonometry.asinh))
acosh_, atanh_ = map(_of_one, (trigonometry.acosh, trigonometry.atanh))
erfc_, erfinv_ = map(_of_one, (special_functions.erfc, special_functions.erfinv))


def index_put_(
    input: Tensor, indices: tuple[Any, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """`index_put`, in place."""
    return replace(
        input,
        "index_put_",
        parts.index_put,
        indices=indices,
        values=values,
        accumulate=accumulate,
    )


def addmm_(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`addmm`, in place."""
    return replace(input, "addmm_", compound.addmm, mat1=mat1, mat2=mat2, beta=beta, alpha=alpha)


def baddbmm_(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """`baddbmm`, in place."""
    batches = {"batch1": batch1, "batch2": batch2}
    return replace(input, "baddbmm_", compound.baddbmm, **batches, beta=beta, alpha=alpha)


def renorm_(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """`renorm`, in place."""
    return replace(input, "renorm_", parts.renorm, p=p, dim=dim, maxnorm=maxnorm)


def random_(
    input: Tensor,
    from_: int = 0,
    to: int | None = None,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Overwrite with random integers from [from_, to), or with one number from [0, from_).

    Without numbers, the range is from 0 to the largest up to which the dtype holds all integers.
    Raises: RuntimeError for an empty range.
    """
    check_writable(input, "random_")
    dtype = input.dtype
    first, last = from_, to
    if last is None:
        if first == 0:
            last = 2
            if dtype.kind in dtypes.FLOATS:
                last = 2 ** (dtypes.finfo(dtype).nmant + 1) + 1
            elif dtype.kind != "b":
                last = np.iinfo(dtype).max + 1
        else:
            first, last = 0, first
    if first >= last:
        raise RuntimeError(f"random_: from_={first} must be below to={last}")
    rng = generator or random.default_generator()
    drawn = rng.integers(first, last - 1, input.shape, endpoint=True).astype(dtype)
    return _overwrite(input, array_function.Tensor(np.asarray(drawn, like=input.array)), "random_")


def tril_(input: Tensor, diagonal: int = 0) -> Tensor:
    """`tril`, in place."""
    return replace(input, "tril_", tril, diagonal=diagonal)


def triu_(input: Tensor, diagonal: int = 0) -> Tensor:
    """`triu`, in place."""
    return replace(input, "triu_", triu, diagonal=diagonal)


def round_(input: Tensor, *, decimals: int = 0) -> Tensor:
    """`round`, in place."""
    return replace(input, "round_", rounding.round, decimals=decimals)


def clamp_min_(input: Tensor, min: Operand) -> Tensor:
    """`clamp_min`, in place."""
    return replace(input, "clamp_min_", bounds.clamp_min, min)


def clamp_max_(input: Tensor, max: Operand) -> Tensor:
    """`clamp_max`, in place."""
    return replace(input, "clamp_max_", bounds.clamp_max, max)


def nan_to_num_(
    input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """`nan_to_num`, in place."""
    settings = {"nan": nan, "posinf": posinf, "neginf": neginf}
    return replace(input, "nan_to_num_", bounds.nan_to_num, **settings)


def lerp_(input: Tensor, end: Tensor, weight: Tensor | float) -> Tensor:
    """`lerp`, in place."""
    return replace(input, "lerp_", compound.lerp, end, weight)


def addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`addcmul`, in place."""
    return replace(input, "addcmul_", compound.addcmul, tensor1, tensor2, value=value)


def addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`addcdiv`, in place."""
    return replace(input, "addcdiv_", compound.addcdiv, tensor1, tensor2, value=value)


def masked_fill_(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """`masked_fill`, in place."""
    _check_fits(input, mask.shape, "masked_fill_")
    return replace(input, "masked_fill_", arithmetic.masked_fill, mask=mask, value=value)


def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`masked_scatter`, in place."""
    _check_fits(input, mask.shape, "masked_scatter_")
    return replace(input, "masked_scatter_", masked_scatter, mask=mask, source=source)


def scatter_(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """`scatter`, in place."""
    return replace(
        input,
        "scatter_",
        functools.partial(_scatter, "scatter_"),
        dim=dim,
        index=index,
        src=src,
        value=value,
        reduce=reduce,
    )


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """`scatter_add`, in place."""
    return replace(input, "scatter_add_", gathering.scatter_add, dim=dim, index=index, src=src)


def index_add_(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """`index_add`, in place."""
    return replace(input, "index_add_", index_add, dim=dim, index=index, source=source, alpha=alpha)


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """`index_copy`, in place."""
    return replace(input, "index_copy_", index_copy, dim=dim, index=index, source=source)


def index_fill_(input: Tensor, dim: int, index: Tensor, value: float | Tensor) -> Tensor:
    """`index_fill`, in place."""
    return replace(input, "index_fill_", index_fill, dim=dim, index=index, value=value)


def fill_diagonal_(input: Tensor, fill_value: float) -> Tensor:
    """Set the diagonal of a matrix to a number; returns the matrix."""
    if input.ndim != 2:
        raise RuntimeError(f"fill_diagonal_: input has {input.ndim} axes, must have two")
    rows, columns = (np.arange(n, like=input.array) for n in input.shape)
    mask = array_function.Tensor(rows[:, None] == columns)
    return replace(input, "fill_diagonal_", arithmetic.masked_fill, mask=mask, value=fill_value)


def _drawn(input: Tensor, name: str, draw: Callable[[Shape, DType], Array]) -> Tensor:
    """Overwrite `input` by draw(shape, dtype), with a dtype of float32 at least."""
    check_writable(input, name)
    if input.dtype.kind not in dtypes.FLOATS:
        raise RuntimeError(f"{name}: input has dtype {input.dtype}, must be of floats")
    dtype = dtypes.float32 if dtypes.is_half(input.dtype) else input.dtype
    values = draw(input.shape, dtype).astype(input.dtype)
    return _overwrite(input, array_function.Tensor(np.asarray(values, like=input.array)), name)


def normal_(
    input: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Overwrite with independent numbers from N(mean, std^2)."""
    if std < 0:
        raise RuntimeError(f"normal_: std={std} must not be negative")
    rng = generator or random.default_generator()
    return _drawn(
        input, "normal_", lambda n, dtype: rng.standard_normal(n, dtype=dtype) * std + mean
    )


def uniform_(
    input: Tensor,
    from_: float = 0.0,
    to: float = 1.0,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Overwrite with independent uniform numbers from [from_, to)."""
    if from_ > to:
        raise RuntimeError(f"uniform_: from_={from_} must not exceed to={to}")
    rng = generator or random.default_generator()
    return _drawn(
        input, "uniform_", lambda n, dtype: rng.random(n, dtype=dtype) * (to - from_) + from_
    )


def bernoulli_(
    input: Tensor, p: float = 0.5, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Overwrite with 1 with probability p, else 0."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_: p={p} must lie in [0, 1]")
    rng = generator or random.default_generator()
    return _drawn(input, "bernoulli_", lambda n, dtype: rng.random(n) < p)


def exponential_(
    input: Tensor, lambd: float = 1.0, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Overwrite with independent numbers of density lambd e^(-lambd x), with mean 1 / lambd."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_: lambd={lambd} must be positive")
    rng = generator or random.default_generator()
    return _drawn(
        input, "exponential_", lambda n, dtype: rng.standard_exponential(n, dtype=dtype) / lambd
    )
