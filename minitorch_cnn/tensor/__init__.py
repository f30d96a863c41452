"""The tensor and its operations: all are names in `mt`; most are also methods of Tensor."""

from .tensor import Tensor  # first: it needs modules whose names functions take below

# isort: split
from .activation import relu, sigmoid, tanh
from .arithmetic import add, div, floor_divide, fmod, masked_fill, mul, pow, remainder, sub, where
from .assembly import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    cartesian_prod,
    column_stack,
    combinations,
    cross,
    diag_embed,
    diff,
    dist,
    dsplit,
    dstack,
    hsplit,
    inner,
    kron,
    tril_indices,
    triu_indices,
    vsplit,
)  # fmt: skip
from .bounds import (
    clamp,
    clamp_max,
    clamp_min,
    clip,
    fmax,
    fmin,
    maximum,
    minimum,
    nan_to_num,
)  # fmt: skip
from .comparison import (
    allclose,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)  # fmt: skip
from .compound import addcdiv, addcmul, addmm, baddbmm, cdist, lerp, mv
from .contraction import einsum, tensordot
from .counting import bincount, count_nonzero, histc, isin, median, unique
from .creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
    logspace,
    ones,
    rand,
    randint,
    randn,
    randperm,
    tensor,
    zeros,
)  # fmt: skip
from .diagonal import diag, diagonal, trace, tril, triu
from .elementwise import (
    abs,
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    neg,
    positive,
    reciprocal,
    rsqrt,
    sign,
    sin,
    sqrt,
    square,
)  # fmt: skip
from .gathering import gather, index_select, scatter_add, take_along_dim
from .indexing import argwhere, nonzero
from .joining import (
    cat,
    chunk,
    concat,
    hstack,
    narrow,
    repeat_interleave,
    split,
    stack,
    tensor_split,
    unbind,
    vstack,
)  # fmt: skip
from .like import empty_like, full_like, ones_like, rand_like, randint_like, randn_like, zeros_like
from .linalg import bmm, dot, matmul, mm, outer
from .logarithm import exp2, log2, log10, logaddexp, logit, xlogy
from .moments import mean, norm, std, std_mean, var, var_mean
from .movement import (
    clone,
    flatten,
    flip,
    movedim,
    permute,
    reshape,
    roll,
    squeeze,
    transpose,
    unflatten,
    unsqueeze,
)  # fmt: skip
from .order import (
    aminmax,
    bucketize,
    cummax,
    cummin,
    kthvalue,
    mode,
    nanmean,
    nansum,
    quantile,
    searchsorted,
    unique_consecutive,
)  # fmt: skip
from .padding import pad
from .parts import (
    diagonal_scatter,
    index_put,
    put,
    renorm,
    scatter_reduce,
    select_scatter,
    slice_scatter,
    take,
)  # fmt: skip
from .promotion import promote_types, result_type
from .reduction import all, amax, amin, any, argmax, argmin, cumsum, max, min, prod, sum
from .rounding import ceil, floor, frac, round, trunc
from .sampling import bernoulli, multinomial, normal
from .scan import cumprod
from .scatter import (
    index_add,
    index_copy,
    index_fill,
    masked_scatter,
    masked_select,
    scatter,
    select,
)
from .shaping import (
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    fliplr,
    flipud,
    is_floating_point,
    is_tensor,
    meshgrid,
    numel,
    ravel,
    rot90,
    swapaxes,
    t,
    tile,
)  # fmt: skip
from .softmax import log_softmax, logsumexp, softmax
from .sorting import argsort, sort, topk
from .special_functions import (
    copysign,
    deg2rad,
    erfc,
    erfinv,
    float_power,
    heaviside,
    isneginf,
    isposinf,
    logaddexp2,
    rad2deg,
    signbit,
    sinc,
)  # fmt: skip
from .trigonometry import acos, acosh, asin, asinh, atan, atan2, atanh, cosh, hypot, sinh, tan

__all__ = [
    "Tensor", "abs", "acos", "acosh", "add", "addcdiv", "addcmul", "addmm", "all", "allclose",
    "amax", "amin", "aminmax", "any", "arange", "argmax", "argmin", "argsort", "argwhere",
    "as_tensor", "asin", "asinh", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d",
    "atleast_3d", "baddbmm", "bernoulli", "bincount", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm",
    "broadcast_shapes", "broadcast_tensors", "broadcast_to", "bucketize", "cartesian_prod",
    "cat", "cdist", "ceil", "chunk", "clamp", "clamp_max", "clamp_min", "clip", "clone",
    "column_stack", "combinations", "concat", "copysign", "cos", "cosh", "count_nonzero",
    "cross", "cummax", "cummin", "cumprod", "cumsum", "deg2rad", "diag", "diag_embed",
    "diagonal", "diagonal_scatter", "diff", "dist", "div", "dot", "dsplit", "dstack", "einsum",
    "empty", "empty_like", "eq", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expm1",
    "eye", "flatten", "flip", "fliplr", "flipud", "float_power", "floor", "floor_divide",
    "fmax", "fmin", "fmod", "frac", "from_dlpack", "from_numpy", "full", "full_like", "gather",
    "ge", "gt", "heaviside", "histc", "hsplit", "hstack", "hypot", "index_add", "index_copy",
    "index_fill", "index_put", "index_select", "inner", "is_floating_point", "is_tensor",
    "isclose", "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "kron", "kthvalue",
    "le", "lerp", "linspace", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp",
    "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "logit",
    "logspace", "logsumexp", "lt", "masked_fill", "masked_scatter", "masked_select", "matmul",
    "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mm", "mode", "movedim",
    "mul", "multinomial", "mv", "nan_to_num", "nanmean", "nansum", "narrow", "ne", "neg",
    "nonzero", "norm", "normal", "numel", "ones", "ones_like", "outer", "pad", "permute",
    "positive", "pow", "prod", "promote_types", "put", "quantile", "rad2deg", "rand",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "remainder", "renorm", "repeat_interleave", "reshape", "result_type",
    "roll", "rot90", "round", "rsqrt", "scatter", "scatter_add", "scatter_reduce",
    "searchsorted", "select", "select_scatter", "sigmoid", "sign", "signbit", "sin", "sinc",
    "sinh", "slice_scatter", "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack",
    "std", "std_mean", "sub", "sum", "swapaxes", "t", "take", "take_along_dim", "tan", "tanh",
    "tensor", "tensor_split", "tensordot", "tile", "topk", "trace", "transpose", "tril",
    "tril_indices", "triu", "triu_indices", "trunc", "unbind", "unflatten", "unique",
    "unique_consecutive", "unsqueeze", "var", "var_mean", "vsplit", "vstack", "where", "xlogy",
    "zeros", "zeros_like",
]  # fmt: skip
