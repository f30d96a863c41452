"""Initialisation: random and fixed values for tensors, named after the paper's first author.

With n = fan_in, the number of inputs to one unit, the variance of the weights is
    lecun 1/n     torch_legacy 1/(3n)     xavier 2/(fan_in + fan_out)     kaiming gain^2/n
A uniform distribution of variance v is U[-sqrt(3v), sqrt(3v)].

Every function writes in place, outside the graph, and returns its tensor. Random numbers come from
`generator`, or from the generator that `manual_seed` seeds. Parameters made under
`nn.shapes_only()` have no memory: the functions leave them unchanged and draw no numbers.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.random import Generator

from .. import devices, dtypes, random
from ..tensor.tensor import Tensor
from .fans import GAINS as GAINS
from .fans import FanMode, Nonlinearity, fans
from .fans import Fans as Fans
from .fans import _calculate_correct_fan as _calculate_correct_fan  # PyTorch has them here
from .fans import _calculate_fan_in_and_fan_out as _calculate_fan_in_and_fan_out
from .fans import calculate_gain as calculate_gain
from .parameter import ShapeOnly

if TYPE_CHECKING:
    from ..tensor.types import Array, DType

Fill = TypeVar("Fill", bound=Callable[..., Tensor])

# ------------------------------------------------------------------------------------ distributions


def _writes(fill: Fill) -> Fill:
    """Make a function skip parameters without memory."""

    @functools.wraps(fill)
    def filled(tensor: Tensor, *args: Any, **settings: Any) -> Tensor:
        return tensor if isinstance(tensor, ShapeOnly) else fill(tensor, *args, **settings)

    return cast(Fill, filled)


@_writes
def uniform_(
    tensor: Tensor,
    a: float | Array = 0.0,
    b: float | Array = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U[a, b). The bounds are numbers, or arrays that broadcast to the tensor."""
    values = _rng(generator).random(tensor.shape, dtype=_drawn(tensor))
    values *= b - a
    values += a
    return _write(tensor, values)


@_writes
def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(mean, std^2)."""
    values = _rng(generator).standard_normal(tensor.shape, dtype=_drawn(tensor))
    values *= std
    values += mean
    return _write(tensor, values)


@_writes
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(mean, std^2) conditioned on [a, b] (a and b are values, not multiples of std).

    By rejection: candidates come from the normal, or, if it rarely falls into the interval, from a
    uniform distribution.

    Raises: ValueError if std <= 0 or a >= b.
    """
    if std <= 0 or a >= b:
        raise ValueError(f"trunc_normal_: std={std} must be positive and a={a} below b={b}")
    rng = _rng(generator)
    low, high = (a - mean) / std, (b - mean) / std
    peak = min(max(low, 0.0), high)  # where the density is largest
    if peak:
        # More than 10 beyond the peak, the tail has less than exp(-50) of the remaining mass.
        low, high = max(low, peak - 10), min(high, peak + 10)
    uniform = math.sqrt(2 * math.pi) * math.exp(min(peak * peak / 2, 700.0)) > high - low
    values = np.empty(math.prod(tensor.shape))
    filled = 0
    while filled < values.size:
        count = values.size - filled + 16
        if uniform:
            z = rng.uniform(low, high, count)
            z = z[rng.random(count) < np.exp((peak * peak - z * z) / 2)]
        else:
            z = rng.standard_normal(count)
            z = z[(z >= low) & (z <= high)]
        z = z[: values.size - filled]
        values[filled : filled + z.size] = z
        filled += z.size
    return _write(tensor, (mean + std * values).clip(a, b).reshape(tensor.shape))


@_writes
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    return _write(tensor, val)


@_writes
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _write(tensor, 0)


@_writes
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _write(tensor, 1)


@_writes
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    Raises: ValueError unless the tensor has two axes.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_: tensor of shape {tensor.shape} must have 2 axes")
    return _write(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


@_writes
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The identity of convolution: output channel i of a group copies its input channel i.

    w (O, C/groups, *window); outputs beyond the number of inputs are zero.

    Raises: ValueError unless the weight has 3 to 5 axes and groups divides O.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: tensor of shape {tensor.shape} must have 3, 4 or 5 axes")
    outputs, inputs, *window = tensor.shape
    if groups < 1 or outputs % groups:
        raise ValueError(
            f"dirac_: groups={groups} must be positive and divide the {outputs} output channels"
        )
    values = np.zeros(tensor.shape)
    centre = tuple(size // 2 for size in window)
    for group in range(groups):
        for i in range(min(outputs // groups, inputs)):
            values[(group * (outputs // groups) + i, i, *centre)] = 1
    return _write(tensor, values)


@_writes
def bilinear_(tensor: Tensor) -> Tensor:
    """Bilinear interpolation by a transposed convolution, each channel separately.

    w (C, C, KH, KW), stride s = ceil(K / 2): w[i, i, a, b] = t(a) t(b) with the triangle t(a) = 1 -
    |a - c| / s around c = (K - 1) / 2 of an even K, s - 1 of an odd one (Long et al. 2015, section
    3.3). With stride s, a constant image stays constant except at the margins.

    Raises: ValueError unless the tensor has 4 axes, the first two of one size.
    """
    if tensor.ndim != 4 or tensor.shape[0] != tensor.shape[1]:
        raise ValueError(f"bilinear_: tensor of shape {tensor.shape} must be (C, C, KH, KW)")
    triangles: list[Array] = []
    for size in tensor.shape[2:]:
        stride = (size + 1) // 2
        centre = stride - 1 if size % 2 else stride - 1 / 2
        triangles.append(1 - abs(np.arange(size) - centre) / stride)
    values = np.zeros(tensor.shape)
    channels = np.arange(len(values))
    values[channels, channels] = np.outer(triangles[0], triangles[1])
    return _write(tensor, values)


# ------------------------------------------------------------------------------- scaled by the fans


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None, groups: int = 1
) -> Tensor:
    """Uniform with variance gain^2 * 2 / (fan_in + fan_out) (Glorot & Bengio 2010, equation 16)."""
    return _uniform(tensor, gain * math.sqrt(2 / sum(fans(tensor, groups))), generator)


def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None, groups: int = 1
) -> Tensor:
    """Normal with variance gain^2 * 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0, gain * math.sqrt(2 / sum(fans(tensor, groups))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: Generator | None = None,
    groups: int = 1,
) -> Tensor:
    """Uniform of variance gain^2 / fan (He et al. 2015, eq. 10, 15); a is leaky_relu's slope."""
    return _uniform(tensor, _kaiming_std(tensor, a, mode, nonlinearity, groups), generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: Generator | None = None,
    groups: int = 1,
) -> Tensor:
    """Normal of variance gain^2 / fan (He et al. 2015, eq. 10, 15); a is leaky_relu's slope."""
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity, groups), generator)


def lecun_uniform_(tensor: Tensor, generator: np.random.Generator | None = None) -> Tensor:
    """Uniform with variance 1 / fan_in (LeCun et al. 1998, Efficient BackProp, section 4.6)."""
    return _uniform(tensor, math.sqrt(1 / fans(tensor).fan_in), generator)


def lecun_normal_(tensor: Tensor, generator: np.random.Generator | None = None) -> Tensor:
    """Normal with variance 1 / fan_in (LeCun et al. 1998, Efficient BackProp, section 4.6)."""
    return normal_(tensor, 0, math.sqrt(1 / fans(tensor).fan_in), generator)


def torch_legacy_(tensor: Tensor, generator: np.random.Generator | None = None) -> Tensor:
    """U[-1/sqrt(n), 1/sqrt(n)], n = fan_in: variance 1/(3n), which makes signals fade with depth.

    The default of Torch7, and still of `Linear` and `Conv2d`.
    """
    return _uniform(tensor, math.sqrt(1 / (3 * fans(tensor).fan_in)), generator)


@_writes
def orthogonal_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Orthonormal rows, or columns if these are fewer, times gain; (O, *) is a matrix of O rows.

    Uniform among such matrices: the QR decomposition of a normal one, with R's diagonal positive
    (Saxe et al. 2014; Xie et al. 2017 for convolutions).

    Raises: ValueError if the tensor has fewer than two axes.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: tensor of shape {tensor.shape} must have at least 2 axes")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    normal = _rng(generator).standard_normal((max(rows, columns), min(rows, columns)))
    factors: tuple[Array, Array] = np.linalg.qr(normal)
    q = factors[0] * np.where(np.diagonal(factors[1]) < 0, -1, 1)
    return _write(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


@_writes
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: np.random.Generator | None = None
) -> Tensor:
    """N(0, std^2), with ceil(sparsity * rows) zeros in each column (Martens 2010).

    Raises: ValueError unless the tensor has two axes and sparsity is in [0, 1].
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_: tensor of shape {tensor.shape} must have 2 axes")
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: sparsity={sparsity} must be in [0, 1]")
    rows, columns = tensor.shape
    rng = _rng(generator)
    values = std * rng.standard_normal((rows, columns))
    order = rng.permuted(np.tile(np.arange(rows)[:, None], (1, columns)), axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * rows)], 0, axis=0)
    return _write(tensor, values)


def _kaiming_std(
    tensor: Tensor, a: float, mode: FanMode, nonlinearity: Nonlinearity, groups: int
) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode={mode!r} must be 'fan_in' or 'fan_out'")
    return calculate_gain(nonlinearity, a) / math.sqrt(getattr(fans(tensor, groups), mode))


def _uniform(tensor: Tensor, std: float, generator: Generator | None) -> Tensor:
    bound = math.sqrt(3) * std
    return uniform_(tensor, -bound, bound, generator)


def _rng(generator: Generator | None) -> Generator:
    return random.default_generator() if generator is None else generator


def _drawn(tensor: Tensor) -> DType:
    """The dtype in which a generator draws numbers for this tensor."""
    return dtypes.float64 if tensor.dtype == dtypes.float64 else dtypes.float32


def _write(tensor: Tensor, values: Any) -> Tensor:
    tensor.array[...] = devices.moved(np.asarray(values), tensor.device, "init")
    tensor.bump_version()
    return tensor


# ------------------------------------------------------------------------------------ older names


def _old(new: Fill) -> Fill:
    """A function under its name before PyTorch 0.4, without the underscore; it warns."""
    name = new.__name__.removesuffix("_")

    def old(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"{name} is an old name; use {name}_", FutureWarning, stacklevel=2)
        return new(*args, **kwargs)

    old.__name__, old.__doc__ = name, f"`{name}_` under its older name; it warns."
    return cast(Fill, old)


uniform, normal, constant = _old(uniform_), _old(normal_), _old(constant_)
eye, dirac, sparse, orthogonal = _old(eye_), _old(dirac_), _old(sparse_), _old(orthogonal_)
xavier_uniform, xavier_normal = _old(xavier_uniform_), _old(xavier_normal_)
kaiming_uniform, kaiming_normal = _old(kaiming_uniform_), _old(kaiming_normal_)
