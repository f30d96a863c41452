# ruff: noqa: E402, F401, F403  (kernels must be found first; these are the public names)
"""minitorch_cnn: convolutional networks, readable from `loss.backward()` down to the kernel.

import minitorch_cnn as mt

net = mt.models.create_model("lenet5")
net(mt.randn(1, 1, 32, 32)).sum().backward()
"""

import importlib as _importlib
import os as _os
import sys as _sys
import types as _types
import typing as _typing
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from numpy import dtype as dtype
from numpy import newaxis as newaxis

# In a checkout minitorch_cnn/kernels is a link to kernels/. If git creates no links (Windows), it
# is a file that contains that path, and the package is loaded from there.
_here = _os.path.dirname(_os.path.abspath(__file__))
if not _typing.TYPE_CHECKING and not _os.path.isdir(_os.path.join(_here, "kernels")):
    import importlib.util as _util

    _folder = _os.path.join(_os.path.dirname(_here), "kernels")
    _spec = _util.spec_from_file_location(
        f"{__name__}.kernels",
        _os.path.join(_folder, "__init__.py"),
        submodule_search_locations=[_folder],
    )
    kernels = _sys.modules[_spec.name] = _util.module_from_spec(_spec)
    _spec.loader.exec_module(kernels)

from . import dtypes
from .dtypes import *
from .second_names import FUNCTIONS as _FUNCTIONS
from .second_names import METHODS as _METHODS

if _typing.TYPE_CHECKING:  # names imported on demand, for type checkers and editors
    from . import (
        amp,
        analysis,
        autograd,
        backends,
        cli,
        compiler,
        course,
        cuda,
        data,
        distributed,
        distributions,
        functional,
        graph,
        hub,
        interop,
        jit,
        kernels,
        linalg,
        models,
        multiprocessing,
        nas,
        nn,
        onnx,
        optim,
        random,
        special,
        training,
        utils,
    )
    from .autograd import checkpoint as checkpoint
    from .autograd import enable_grad as enable_grad
    from .autograd import grad as grad
    from .autograd import gradcheck as gradcheck
    from .autograd import gradgradcheck as gradgradcheck
    from .autograd import inference_mode as inference_mode
    from .autograd import is_grad_enabled as is_grad_enabled
    from .autograd import no_grad as no_grad
    from .autograd import set_grad_enabled as set_grad_enabled
    from .devices import device as device
    from .random import *
    from .second_places import *
    from .tensor import *
    from .tensor.tensor import Size as Size

__version__ = "0.2.0"

# All of the following is imported when first asked for: `import minitorch_cnn` costs little more
# than `import numpy`.
_ON_DEMAND = (
    "amp",
    "analysis",
    "autograd",
    "backends",
    "cli",
    "compiler",
    "course",
    "cuda",
    "data",
    "distributed",
    "distributions",
    "functional",
    "graph",
    "hub",
    "interop",
    "jit",
    "kernels",
    "linalg",
    "models",
    "multiprocessing",
    "nas",
    "nn",
    "onnx",
    "optim",
    "random",
    "special",
    "training",
    "utils",
)
_INTERNAL = ("devices", "figures", "second_names", "second_places", "spelling")  # modules, too
_WITH_TENSORS = {  # imported together with the tensors, beside the names of tensor.__all__
    "checkpoint": ".autograd",
    "device": ".devices",
    "enable_grad": ".autograd",
    "grad": ".autograd",
    "gradcheck": ".autograd",
    "gradgradcheck": ".autograd",
    "inference_mode": ".autograd",
    "is_grad_enabled": ".autograd",
    "no_grad": ".autograd",
    "set_grad_enabled": ".autograd",
    "Size": ".tensor.tensor",
}
_FUNCTIONS_ON_DEMAND = {
    "Generator": ".tensor.generator",
    "autocast": ".amp",
    "compile": ".jit",
    "is_autocast_enabled": ".amp",
    "save": ".interop",
    "load": ".interop",
    "are_deterministic_algorithms_enabled": ".backends.determinism",
    "get_float32_matmul_precision": ".backends.determinism",
    "is_deterministic_algorithms_warn_only_enabled": ".backends.determinism",
    "set_float32_matmul_precision": ".backends.determinism",
    "set_default_tensor_type": ".tensor.legacy",
    "set_printoptions": ".tensor.printing",
    "use_deterministic_algorithms": ".backends.determinism",
    "get_num_threads": ".kernels",
    "set_num_threads": ".kernels",
}
_LEGACY = (
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor",
)  # fmt: skip
_OF_FUNCTIONAL = (  # functions that PyTorch also has here, with the same arguments
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
_OF_LINALG = ("cholesky", "det", "logdet", "matrix_power", "slogdet")
_QUESTIONS = (
    "asarray", "can_cast", "is_complex", "is_nonzero", "is_same_size", "scalar_tensor",
)  # fmt: skip

# PyTorch's second names: mt.NAME is the attribute of that name in that module.
SECOND_PLACES = {
    **{name: (".tensor", first) for name, first in {**_METHODS, **_FUNCTIONS}.items()},
    **{name: (".functional", name) for name in _OF_FUNCTIONAL},
    **{name: (".tensor.legacy", name) for name in _LEGACY},
    **{name: (".tensor.inplace_functions", name) for name in _IN_PLACE},
    **{name: (".tensor.inplace", name) for name in ("clamp_", "fill_", "zero_")},
    **{name: (".tensor.questions", name) for name in _QUESTIONS},
    **{name: (".linalg", name) for name in _OF_LINALG},
    "inverse": (".linalg", "inv"),
    "pinverse": (".linalg", "pinv"),
    "bfloat16": (".dtypes", "bfloat16"),
    "bool": (".dtypes", "bool_"),
    "double": (".dtypes", "float64"),
    "float": (".dtypes", "float32"),
    "half": (".dtypes", "float16"),
    "int": (".dtypes", "int32"),
    "long": (".dtypes", "int64"),
    "short": (".dtypes", "int16"),
}


if not _typing.TYPE_CHECKING:  # type checkers must report unknown names

    class _Package(_types.ModuleType):
        """This module. Whoever imports its package `tensor` gives it the functions of tensors."""

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "autograd":  # its functions need the class Tensor
                _importlib.import_module(".tensor", __name__)
            elif name == "tensor" and isinstance(value, _types.ModuleType):
                _name_tensors(value)

    _sys.modules[__name__].__class__ = _Package

    def _name_tensors(tensor):
        """Name the functions of tensors here; `mt.tensor` is one of them."""
        for module in (tensor, _importlib.import_module(".random", __name__)):
            globals().update({name: getattr(module, name) for name in module.__all__})
        for name, module in _WITH_TENSORS.items():
            globals()[name] = getattr(_importlib.import_module(module, __name__), name)

    def __getattr__(name):
        if name in _ON_DEMAND or name in _INTERNAL:
            return _importlib.import_module(f".{name}", __name__)
        if name in _FUNCTIONS_ON_DEMAND:
            return getattr(_importlib.import_module(_FUNCTIONS_ON_DEMAND[name], __name__), name)
        if name in SECOND_PLACES:
            module, first = SECOND_PLACES[name]
            return getattr(_importlib.import_module(module, __name__), first)
        if not name.startswith("_"):
            _importlib.import_module(".tensor", __name__)
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    _importlib.import_module(".tensor", __name__)
    return sorted({*globals(), *_ON_DEMAND, *_FUNCTIONS_ON_DEMAND, *SECOND_PLACES})
