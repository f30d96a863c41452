"""Mixed precision: which operations compute in 16 bits, and which of their results stay float32.

The lists are those of torch.amp on CUDA, for every device. Products of matrices and convolutions
take their inputs in the fast dtype, float16 or bfloat16; what sums many numbers or leaves their
range gives float32; everything else takes what it is given. Weights stay float32: they are cast
once in a block of `autocast`, and their gradients are float32.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .. import dtypes
from .modes import this_thread

if TYPE_CHECKING:
    from ..tensor.types import DType

F = TypeVar("F", bound="Callable[..., Any]")

# Functions, and the ops behind functions, whose results stay float32.
FLOAT32 = frozenset({
    "Acos", "Asin", "Cosh", "Cumprod", "Cumsum", "Erfinv", "Exp", "Expm1", "Log", "Log10", "Log1p",
    "Log2", "LogSoftmax", "Pow", "Prod", "Reciprocal", "Rsqrt", "Sinh", "Softmax", "Softplus",
    "Sum", "Tan",
    "_norm", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "nll_loss",
    "pdist", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
})  # fmt: skip

_lock = threading.Lock()  # of `active`
active = 0  # open blocks of all threads: while it is 0, operations look nothing up


class Casts:
    """What a block of `autocast` does on one type of device; dtype None: nothing."""

    def __init__(self, dtype: DType | None, weights: dict[int, Any] | None = None) -> None:
        self.dtype = dtype
        # By id: the version of a weight, the weight, and it in the fast dtype.
        self.weights: dict[int, tuple[int, Any, Any]] = {} if weights is None else weights


class Block:
    """A context in which this thread casts so."""

    def __init__(self, casts: dict[str, Casts]) -> None:
        self.casts = casts

    def __enter__(self) -> Block:
        global active
        with _lock:
            active += 1
        self.modes = this_thread.modes
        self.before, self.modes.autocast = self.modes.autocast, self.casts
        return self

    def __exit__(self, *error: object) -> None:
        global active
        self.modes.autocast = self.before
        with _lock:
            active -= 1


def snapshot(casts: dict[str, Casts]) -> dict[str, Casts]:
    """The same, without the weights that will be cast: for a run to be repeated."""
    return {device: Casts(c.dtype, dict(c.weights)) for device, c in casts.items()}


def casts_for(x: Any) -> Casts | None:
    """What is done with the Tensor `x`; None if nothing."""
    casts = this_thread.modes.autocast.get(x.device.partition(":")[0])
    return casts if casts is not None and casts.dtype is not None else None


def lower(*tensors: Any) -> tuple[Any, ...]:
    """Inputs of a product or convolution in the fast dtype; float64 and None as they are."""
    return tuple([_lowered(x) for x in tensors])


def _lowered(x: Any) -> Any:
    array = getattr(x, "array", None)
    if array is None or array.dtype.kind not in dtypes.FLOATS or array.dtype == dtypes.float64:
        return x
    casts = casts_for(x)
    if casts is None or array.dtype == casts.dtype:
        return x
    if not (x.requires_grad and x.is_leaf):
        return x.to(casts.dtype)
    recorded = this_thread.modes.grad
    version, _, cast = casts.weights.get(id(x), (None, None, None))
    if cast is None or version != x._version or cast.requires_grad != recorded:
        cast = x.to(casts.dtype)
        casts.weights[id(x)] = x._version, x, cast
    return cast


def widen(*tensors: Any) -> tuple[Any, ...]:
    """Inputs of a function whose result is float32: those of 16 bits in float32."""
    return tuple([_widened(x) for x in tensors])


def _widened(x: Any) -> Any:
    array = getattr(x, "array", None)
    if array is None or not dtypes.is_half(array.dtype) or casts_for(x) is None:
        return x
    return x.to(dtypes.float32)


def stays_float32(name: str, x: Any) -> bool:
    """Whether the result of an op or function of `x` is not rounded to 16 bits."""
    return name in FLOAT32 and hasattr(x, "device") and casts_for(x) is not None


def promoted(fn: F) -> F:
    """Decorate a function that takes floats of one dtype: in `autocast`, it computes in the widest
    of those that are given, with products, too.
    """

    def by_widest(*args: Any, **kwargs: Any) -> Any:
        if not active:
            return fn(*args, **kwargs)
        given = [x for x in (*args, *kwargs.values()) if hasattr(x, "array")]
        if any(x.array.dtype == dtypes.float32 for x in given):
            args = widen(*args)
            kwargs = dict(zip(kwargs, widen(*kwargs.values()), strict=True))
        with Block({}):
            return fn(*args, **kwargs)

    wrapped: Any = functools.wraps(fn)(by_widest)
    return wrapped
