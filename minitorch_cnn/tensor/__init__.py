"""The tensor and its operations, all of them names of `mt.`; with a tensor first, methods too."""

from .tensor import Tensor  # first: it needs modules whose names functions take below

# isort: split
from .activation import relu, sigmoid, tanh
from .arithmetic import add, div, floor_divide, fmod, masked_fill, mul, pow, remainder, sub, where
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
from .indexing import (
    argsort,
    argwhere,
    gather,
    index_select,
    nonzero,
    scatter_add,
    sort,
    take_along_dim,
    topk,
)  # fmt: skip
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
from .padding import pad
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
from .trigonometry import acos, acosh, asin, asinh, atan, atan2, atanh, cosh, hypot, sinh, tan

__all__ = [
    "Tensor", "abs", "acos", "acosh", "add", "addcdiv", "addcmul", "addmm", "all", "allclose",
    "amax", "amin", "any", "arange", "argmax", "argmin", "argsort", "argwhere", "as_tensor",
    "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bernoulli", "bincount",
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "bmm", "broadcast_shapes", "broadcast_tensors", "broadcast_to", "cat",
    "cdist", "ceil", "chunk", "clamp", "clamp_max", "clamp_min", "clip", "clone", "concat",
    "cos", "cosh", "count_nonzero", "cumprod", "cumsum", "diag", "diagonal", "div", "dot",
    "einsum", "empty", "empty_like", "eq", "equal", "erf", "exp", "exp2", "expm1", "eye",
    "flatten", "flip", "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod",
    "frac", "from_dlpack", "from_numpy", "full", "full_like", "gather", "ge", "gt", "histc",
    "hstack", "hypot", "index_add", "index_copy", "index_fill", "index_select",
    "is_floating_point", "is_tensor", "isclose", "isfinite", "isin", "isinf", "isnan", "le",
    "lerp", "linspace", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace", "logsumexp",
    "lt", "masked_fill", "masked_scatter", "masked_select", "matmul", "max", "maximum", "mean",
    "median", "meshgrid", "min", "minimum", "mm", "movedim", "mul", "multinomial", "mv",
    "nan_to_num", "narrow", "ne", "neg", "nonzero", "norm", "normal", "numel", "ones",
    "ones_like", "outer", "pad", "permute", "positive", "pow", "prod", "promote_types", "rand",
    "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "ravel",
    "reciprocal", "relu", "remainder", "repeat_interleave", "reshape", "result_type", "roll",
    "rot90", "round", "rsqrt", "scatter", "scatter_add", "select", "sigmoid", "sign", "sin",
    "sinh", "softmax", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "std_mean",
    "sub", "sum", "swapaxes", "t", "take_along_dim", "tan", "tanh", "tensor", "tensor_split",
    "tensordot", "tile", "topk", "trace", "transpose", "tril", "triu", "trunc", "unbind",
    "unflatten", "unique", "unsqueeze", "var", "var_mean", "vstack", "where", "xlogy", "zeros",
    "zeros_like",
]  # fmt: skip
