"""The methods of a Tensor that are functions of the neighbouring files, under the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import (
    activation,
    arithmetic,
    assembly,
    bounds,
    comparison,
    compound,
    counting,
    elementwise,
    gathering,
    indexing,
    inplace,
    joining,
    like,
    linalg,
    logarithm,
    moments,
    movement,
    order,
    padding,
    parts,
    questions,
    reduction,
    rounding,
    sampling,
    scan,
    shaping,
    sorting,
    special_functions,
    trigonometry,
)
from . import inplace_functions as functions
from . import inplace_shape as shapes
from .diagonal import diag, diagonal, trace, tril, triu
from .factorizations import cholesky, pinv
from .scatter import (
    index_add,
    index_copy,
    index_fill,
    masked_scatter,
    masked_select,
    scatter,
    select,
)
from .softmax import log_softmax, logsumexp, softmax
from .solving import det, inv, logdet, matrix_power, slogdet

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Operand


def _where(self: Tensor, condition: Any, other: Operand) -> Tensor:
    """Select `self` where `condition` (boolean Tensor) holds, else `other`; all broadcast."""
    return arithmetic.where(condition, self, other)


class Methods:
    """A table: name of the method, function of (tensor, ...)."""

    add, sub, mul, div = arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div
    floor_divide, remainder, pow = arithmetic.floor_divide, arithmetic.remainder, arithmetic.pow
    positive, neg, abs = elementwise.positive, elementwise.neg, elementwise.abs
    sign = elementwise.sign
    square, reciprocal = elementwise.square, elementwise.reciprocal
    exp, expm1, log, log1p = elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p
    sqrt, rsqrt, erf = elementwise.sqrt, elementwise.rsqrt, elementwise.erf
    sin, cos = elementwise.sin, elementwise.cos
    relu, sigmoid, tanh = activation.relu, activation.sigmoid, activation.tanh
    floor, ceil, round = rounding.floor, rounding.ceil, rounding.round
    trunc, frac = rounding.trunc, rounding.frac
    masked_fill = arithmetic.masked_fill
    clamp, clip, clamp_min, clamp_max = (
        bounds.clamp, bounds.clip, bounds.clamp_min, bounds.clamp_max,
    )  # fmt: skip
    maximum, minimum, fmax, fmin = bounds.maximum, bounds.minimum, bounds.fmax, bounds.fmin
    nan_to_num = bounds.nan_to_num

    eq, ne, lt, le, gt, ge = (
        comparison.eq, comparison.ne, comparison.lt, comparison.le, comparison.gt, comparison.ge,
    )  # fmt: skip
    bitwise_and, bitwise_or = comparison.bitwise_and, comparison.bitwise_or
    bitwise_xor, bitwise_not = comparison.bitwise_xor, comparison.bitwise_not
    bitwise_left_shift = comparison.bitwise_left_shift
    bitwise_right_shift = comparison.bitwise_right_shift
    logical_and, logical_or = comparison.logical_and, comparison.logical_or
    logical_xor, logical_not = comparison.logical_xor, comparison.logical_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    equal, allclose = comparison.equal, comparison.allclose

    sum, mean, var, std, prod = (
        reduction.sum,
        moments.mean,
        moments.var,
        moments.std,
        reduction.prod,
    )
    amax, amin, max, min = reduction.amax, reduction.amin, reduction.max, reduction.min
    argmax, argmin, any, all = reduction.argmax, reduction.argmin, reduction.any, reduction.all
    norm, cumsum = moments.norm, reduction.cumsum
    softmax, log_softmax, logsumexp = (
        softmax,
        log_softmax,
        logsumexp,
    )

    reshape, view, flatten, unflatten = (
        movement.reshape,
        movement.view,
        movement.flatten,
        movement.unflatten,
    )
    permute, transpose, movedim = movement.permute, movement.transpose, movement.movedim
    squeeze, unsqueeze, expand, repeat = (
        movement.squeeze,
        movement.unsqueeze,
        movement.expand,
        joining.repeat,
    )
    narrow, split, chunk, unbind = joining.narrow, joining.split, joining.chunk, joining.unbind
    flip, roll, pad = (
        movement.flip,
        movement.roll,
        padding.pad,
    )
    clone, contiguous, to = movement.clone, movement.contiguous, movement.to

    gather, index_select = gathering.gather, gathering.index_select
    scatter_add, take_along_dim = gathering.scatter_add, gathering.take_along_dim
    sort, argsort, topk = sorting.sort, sorting.argsort, sorting.topk
    nonzero, argwhere = indexing.nonzero, indexing.argwhere

    matmul, mm, bmm, dot, outer = linalg.matmul, linalg.mm, linalg.bmm, linalg.dot, linalg.outer

    tan, sinh, cosh = trigonometry.tan, trigonometry.sinh, trigonometry.cosh
    asin, acos, atan = trigonometry.asin, trigonometry.acos, trigonometry.atan
    asinh, acosh, atanh = trigonometry.asinh, trigonometry.acosh, trigonometry.atanh
    atan2, hypot = trigonometry.atan2, trigonometry.hypot
    log2, log10, exp2 = logarithm.log2, logarithm.log10, logarithm.exp2
    logit, xlogy, logaddexp = logarithm.logit, logarithm.xlogy, logarithm.logaddexp
    fmod, isclose, cumprod = arithmetic.fmod, comparison.isclose, scan.cumprod
    lerp, addcmul, addcdiv = compound.lerp, compound.addcmul, compound.addcdiv
    addmm, baddbmm, mv = compound.addmm, compound.baddbmm, compound.mv

    median, unique, bincount, histc, count_nonzero = (
        counting.median, counting.unique, counting.bincount, counting.histc,
        counting.count_nonzero,
    )  # fmt: skip
    bernoulli, multinomial = sampling.bernoulli, sampling.multinomial
    diagonal, diag, trace, tril, triu = (
        diagonal, diag, trace, tril, triu,
    )  # fmt: skip
    unfold, swapaxes, t, ravel = shaping.unfold, shaping.swapaxes, shaping.t, shaping.ravel
    expand_as, view_as, reshape_as = shaping.expand_as, shaping.view_as, shaping.reshape_as
    broadcast_to, tile, rot90 = shaping.broadcast_to, shaping.tile, shaping.rot90
    fliplr, flipud, where = shaping.fliplr, shaping.flipud, _where
    repeat_interleave, tensor_split = joining.repeat_interleave, joining.tensor_split
    new_zeros, new_ones, new_empty, new_full, new_tensor = (
        like.new_zeros, like.new_ones, like.new_empty, like.new_full, like.new_tensor,
    )  # fmt: skip

    cross, diff, dist, inner, kron = (
        assembly.cross, assembly.diff, assembly.dist, assembly.inner, assembly.kron,
    )  # fmt: skip
    diag_embed, hsplit = assembly.diag_embed, assembly.hsplit
    vsplit, dsplit = assembly.vsplit, assembly.dsplit
    kthvalue, mode, quantile = order.kthvalue, order.mode, order.quantile
    cummax, cummin, aminmax = order.cummax, order.cummin, order.aminmax
    nansum, nanmean, unique_consecutive = order.nansum, order.nanmean, order.unique_consecutive
    take, put, renorm, index_put = parts.take, parts.put, parts.renorm, parts.index_put
    select_scatter, slice_scatter = parts.select_scatter, parts.slice_scatter
    diagonal_scatter, scatter_reduce = parts.diagonal_scatter, parts.scatter_reduce
    erfc, erfinv, sinc = special_functions.erfc, special_functions.erfinv, special_functions.sinc
    deg2rad, rad2deg = special_functions.deg2rad, special_functions.rad2deg
    heaviside, copysign = special_functions.heaviside, special_functions.copysign
    signbit, logaddexp2 = special_functions.signbit, special_functions.logaddexp2
    isposinf, isneginf = special_functions.isposinf, special_functions.isneginf
    float_power = special_functions.float_power

    add_, sub_, mul_, div_ = inplace.add_, inplace.sub_, inplace.mul_, inplace.div_
    pow_, remainder_, floor_divide_ = inplace.pow_, inplace.remainder_, inplace.floor_divide_
    bitwise_and_, bitwise_or_ = inplace.bitwise_and_, inplace.bitwise_or_
    bitwise_xor_, bitwise_left_shift_ = inplace.bitwise_xor_, inplace.bitwise_left_shift_
    bitwise_right_shift_ = inplace.bitwise_right_shift_
    copy_, zero_, fill_, clamp_ = inplace.copy_, inplace.zero_, inplace.fill_, inplace.clamp_

    abs_, neg_, sign_ = functions.abs_, functions.neg_, functions.sign_
    square_, sqrt_, rsqrt_ = functions.square_, functions.sqrt_, functions.rsqrt_
    exp_, expm1_, log_ = functions.exp_, functions.expm1_, functions.log_
    log1p_, erf_, log2_ = functions.log1p_, functions.erf_, functions.log2_
    reciprocal_, sin_, cos_ = functions.reciprocal_, functions.sin_, functions.cos_
    tan_, atan_, relu_ = functions.tan_, functions.atan_, functions.relu_
    frac_, log10_, exp2_, fmod_ = (
        functions.frac_, functions.log10_, functions.exp2_, functions.fmod_,
    )  # fmt: skip
    tril_, triu_, exponential_ = functions.tril_, functions.triu_, functions.exponential_
    bitwise_not_, logical_not_ = functions.bitwise_not_, functions.logical_not_
    logical_and_, logical_or_ = functions.logical_and_, functions.logical_or_
    logical_xor_ = functions.logical_xor_
    masked_scatter, masked_scatter_ = masked_scatter, functions.masked_scatter_
    clip_ = inplace.clamp_
    sigmoid_, tanh_, floor_ = functions.sigmoid_, functions.tanh_, functions.floor_
    ceil_, trunc_, round_ = functions.ceil_, functions.trunc_, functions.round_
    clamp_min_, clamp_max_, nan_to_num_ = (
        functions.clamp_min_, functions.clamp_max_, functions.nan_to_num_,
    )  # fmt: skip
    lerp_, addcmul_, addcdiv_ = functions.lerp_, functions.addcmul_, functions.addcdiv_
    masked_fill_, scatter_, scatter_add_ = (
        functions.masked_fill_, functions.scatter_, functions.scatter_add_,
    )  # fmt: skip
    index_add_, index_copy_, index_fill_ = (
        functions.index_add_, functions.index_copy_, functions.index_fill_,
    )  # fmt: skip
    fill_diagonal_, normal_, uniform_ = (
        functions.fill_diagonal_, functions.normal_, functions.uniform_,
    )  # fmt: skip
    bernoulli_, random_ = functions.bernoulli_, functions.random_
    eq_, ne_, lt_ = functions.eq_, functions.ne_, functions.lt_
    le_, gt_, ge_ = functions.le_, functions.gt_, functions.ge_
    acos_, asin_, cosh_ = functions.acos_, functions.asin_, functions.cosh_
    sinh_, asinh_, acosh_ = functions.sinh_, functions.asinh_, functions.acosh_
    atanh_, erfc_, erfinv_ = functions.atanh_, functions.erfc_, functions.erfinv_
    index_put_, renorm_ = functions.index_put_, functions.renorm_
    det, inverse, logdet, slogdet = det, inv, logdet, slogdet
    matrix_power, pinverse, cholesky = matrix_power, pinv, cholesky
    addmm_, baddbmm_, new = functions.addmm_, functions.baddbmm_, like.new
    is_complex, is_nonzero = questions.is_complex, questions.is_nonzero
    is_same_size = questions.is_same_size
    unsqueeze_, squeeze_, transpose_ = shapes.unsqueeze_, shapes.squeeze_, shapes.transpose_
    swapaxes_, swapdims_, t_ = shapes.swapaxes_, shapes.transpose_, shapes.t_
    resize_, resize_as_ = shapes.resize_, shapes.resize_as_
    scatter, index_add, index_copy = scatter, index_add, index_copy
    index_fill, masked_select, select = (
        index_fill, masked_select, select,
    )  # fmt: skip

    # PyTorch's second names.
    absolute, arccos = abs, acos
    arccosh, arcsin = acosh, asin
    arcsinh, arctan = asinh, atan
    arctan2, arctanh = atan2, atanh
    divide, fix = div, trunc
    ger, greater = outer, gt
    greater_equal, less = ge, lt
    less_equal, moveaxis = le, movedim
    multiply, negative = mul, neg
    not_equal, subtract = ne, sub
    swapdims, true_divide = transpose, div
