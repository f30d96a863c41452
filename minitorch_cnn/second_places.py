"""The names that `mt.NAME` loads on first use.

Type checkers and editors read this file instead of the tables in __init__.py; nothing imports it.
"""

from .amp import (
    autocast,
    is_autocast_enabled,
)
from .backends.determinism import (
    are_deterministic_algorithms_enabled,
    get_float32_matmul_precision,
    is_deterministic_algorithms_warn_only_enabled,
    set_float32_matmul_precision,
    use_deterministic_algorithms,
)
from .dtypes import bfloat16
from .dtypes import bool_ as bool
from .dtypes import float16 as half
from .dtypes import float32 as float
from .dtypes import float64 as double
from .dtypes import int16 as short
from .dtypes import int32 as int
from .dtypes import int64 as long
from .functional import (
    adaptive_avg_pool1d,
    adaptive_max_pool1d,
    avg_pool1d,
    celu,
    channel_shuffle,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    cosine_similarity,
    max_pool1d,
    max_pool2d,
    pairwise_distance,
    pixel_shuffle,
    pixel_unshuffle,
    prelu,
    rrelu,
    selu,
    threshold,
)
from .interop import (
    load,
    save,
)
from .jit import (
    compile,
)
from .kernels import (
    get_num_threads,
    set_num_threads,
)
from .linalg import (
    cholesky,
    det,
    logdet,
    matrix_power,
    slogdet,
)
from .linalg import inv as inverse
from .linalg import pinv as pinverse
from .tensor import abs as absolute
from .tensor import acos as arccos
from .tensor import acosh as arccosh
from .tensor import asin as arcsin
from .tensor import asinh as arcsinh
from .tensor import atan as arctan
from .tensor import atan2 as arctan2
from .tensor import atanh as arctanh
from .tensor import cat as concatenate
from .tensor import div as divide
from .tensor import div as true_divide
from .tensor import ge as greater_equal
from .tensor import gt as greater
from .tensor import le as less_equal
from .tensor import lt as less
from .tensor import movedim as moveaxis
from .tensor import mul as multiply
from .tensor import ne as not_equal
from .tensor import neg as negative
from .tensor import outer as ger
from .tensor import sub as subtract
from .tensor import transpose as swapdims
from .tensor import trunc as fix
from .tensor import vstack as row_stack
from .tensor.generator import (
    Generator,
)
from .tensor.inplace import (
    clamp_,
    fill_,
    zero_,
)
from .tensor.inplace_functions import (
    abs_,
    acos_,
    acosh_,
    asin_,
    asinh_,
    atan_,
    atanh_,
    ceil_,
    clamp_max_,
    clamp_min_,
    cos_,
    cosh_,
    erf_,
    erfc_,
    exp2_,
    exp_,
    expm1_,
    floor_,
    frac_,
    index_put_,
    log1p_,
    log2_,
    log10_,
    log_,
    nan_to_num_,
    neg_,
    reciprocal_,
    relu_,
    round_,
    rsqrt_,
    sigmoid_,
    sin_,
    sinh_,
    sqrt_,
    square_,
    tan_,
    tanh_,
    trunc_,
)
from .tensor.legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from .tensor.printing import (
    set_printoptions,
)
from .tensor.questions import (
    asarray,
    can_cast,
    is_complex,
    is_nonzero,
    is_same_size,
    scalar_tensor,
)

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "abs_",
    "absolute",
    "acos_",
    "acosh_",
    "adaptive_avg_pool1d",
    "adaptive_max_pool1d",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "are_deterministic_algorithms_enabled",
    "asarray",
    "asin_",
    "asinh_",
    "atan_",
    "atanh_",
    "autocast",
    "avg_pool1d",
    "bfloat16",
    "bool",
    "can_cast",
    "ceil_",
    "celu",
    "channel_shuffle",
    "cholesky",
    "clamp_",
    "clamp_max_",
    "clamp_min_",
    "compile",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cos_",
    "cosh_",
    "cosine_similarity",
    "det",
    "divide",
    "double",
    "erf_",
    "erfc_",
    "exp2_",
    "exp_",
    "expm1_",
    "fill_",
    "fix",
    "float",
    "floor_",
    "frac_",
    "ger",
    "get_float32_matmul_precision",
    "get_num_threads",
    "greater",
    "greater_equal",
    "half",
    "index_put_",
    "int",
    "inverse",
    "is_autocast_enabled",
    "is_complex",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_nonzero",
    "is_same_size",
    "less",
    "less_equal",
    "load",
    "log1p_",
    "log2_",
    "log10_",
    "log_",
    "logdet",
    "long",
    "matrix_power",
    "max_pool1d",
    "max_pool2d",
    "moveaxis",
    "multiply",
    "nan_to_num_",
    "neg_",
    "negative",
    "not_equal",
    "pairwise_distance",
    "pinverse",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "reciprocal_",
    "relu_",
    "round_",
    "row_stack",
    "rrelu",
    "rsqrt_",
    "save",
    "scalar_tensor",
    "selu",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_num_threads",
    "set_printoptions",
    "short",
    "sigmoid_",
    "sin_",
    "sinh_",
    "slogdet",
    "sqrt_",
    "square_",
    "subtract",
    "swapdims",
    "tan_",
    "tanh_",
    "threshold",
    "true_divide",
    "trunc_",
    "use_deterministic_algorithms",
    "zero_",
]
