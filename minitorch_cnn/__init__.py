# ruff: noqa: E402, F401, F403  (kernels must be found first; these are the public names)
"""minitorch_cnn: convolutional networks, readable from `loss.backward()` down to the kernel.

import minitorch_cnn as mt

net = mt.models.create_model("lenet5")
net(mt.randn(1, 1, 32, 32)).sum().backward()
"""

import importlib as _importlib
import importlib.util as _util
import os as _os
import sys as _sys
from math import e, inf, nan, pi

from numpy import dtype, newaxis

# In a checkout minitorch_cnn/kernels is a link to kernels/. Where git makes no links (Windows) it
# is a file with that path in it, and the package is loaded from there.
_here = _os.path.dirname(_os.path.abspath(__file__))
if not _os.path.isdir(_os.path.join(_here, "kernels")):
    _folder = _os.path.join(_os.path.dirname(_here), "kernels")
    _spec = _util.spec_from_file_location(
        f"{__name__}.kernels",
        _os.path.join(_folder, "__init__.py"),
        submodule_search_locations=[_folder],
    )
    kernels = _sys.modules[_spec.name] = _util.module_from_spec(_spec)
    _spec.loader.exec_module(kernels)

from . import autograd, dtypes, random
from .autograd import (
    checkpoint,
    enable_grad,
    grad,
    gradcheck,
    gradgradcheck,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .devices import device
from .dtypes import (
    bool_,
    channels_last,
    contiguous_format,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    preserve_format,
    set_default_dtype,
    uint8,
)
from .random import (
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor import *
from .tensor import Tensor, tensor
from .tensor.second_names import FUNCTIONS as _FUNCTIONS
from .tensor.second_names import METHODS as _METHODS
from .tensor.tensor import Size

__version__ = "0.1.0"

# Imported when first asked for: `import minitorch_cnn` costs little more than `import numpy`.
_ON_DEMAND = (
    "analysis",
    "backends",
    "cli",
    "course",
    "cuda",
    "data",
    "functional",
    "interop",
    "kernels",
    "models",
    "nas",
    "nn",
    "optim",
    "training",
    "utils",
)
_FUNCTIONS_ON_DEMAND = {
    "Generator": ".tensor.generator",
    "save": ".interop",
    "load": ".interop",
    "get_num_threads": ".kernels",
    "set_num_threads": ".kernels",
}
_LEGACY = (
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor",
)  # fmt: skip
_OF_FUNCTIONAL = (  # those that PyTorch has here, too, with the same arguments
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "celu", "channel_shuffle", "conv1d",
    "conv2d", "conv_transpose1d", "conv_transpose2d", "cosine_similarity", "max_pool1d",
    "max_pool2d", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle", "prelu", "rrelu",
    "selu", "threshold",
)  # fmt: skip

_IN_PLACE = (
    "abs_", "acos_", "acosh_", "asin_", "asinh_", "atan_", "atanh_", "ceil_", "clamp_max_",
    "clamp_min_", "cos_", "cosh_", "erf_", "erfc_", "exp2_", "exp_", "expm1_", "floor_", "frac_",
    "index_put_", "log10_", "log1p_", "log2_", "log_", "nan_to_num_", "neg_", "reciprocal_",
    "relu_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinh_", "sqrt_", "square_", "tan_", "tanh_",
    "trunc_",
)  # fmt: skip
_QUESTIONS = (
    "asarray", "can_cast", "is_complex", "is_nonzero", "is_same_size", "scalar_tensor",
)  # fmt: skip

# PyTorch's second places: mt.NAME is the attribute of that name in that module.
SECOND_PLACES = {
    **{name: (".tensor", first) for name, first in {**_METHODS, **_FUNCTIONS}.items()},
    **{name: (".functional", name) for name in _OF_FUNCTIONAL},
    **{name: (".tensor.legacy", name) for name in _LEGACY},
    **{name: (".tensor.inplace_functions", name) for name in _IN_PLACE},
    **{name: (".tensor.inplace", name) for name in ("clamp_", "fill_", "zero_")},
    **{name: (".tensor.questions", name) for name in _QUESTIONS},
    "bool": (".dtypes", "bool_"),
    "double": (".dtypes", "float64"),
    "float": (".dtypes", "float32"),
    "half": (".dtypes", "float16"),
    "int": (".dtypes", "int32"),
    "long": (".dtypes", "int64"),
    "short": (".dtypes", "int16"),
}


def __getattr__(name):
    if name in _ON_DEMAND:
        return _importlib.import_module(f".{name}", __name__)
    if name in _FUNCTIONS_ON_DEMAND:
        return getattr(_importlib.import_module(_FUNCTIONS_ON_DEMAND[name], __name__), name)
    if name in SECOND_PLACES:
        module, first = SECOND_PLACES[name]
        return getattr(_importlib.import_module(module, __name__), first)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_ON_DEMAND, *_FUNCTIONS_ON_DEMAND, *SECOND_PLACES})
