"""Activations as layers. The formulas and their sources are in functional/activation.py.

PyTorch's `inplace` saves memory. Here it is accepted and changes nothing: the result is always a
new tensor, and the input keeps its values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .. import functional as F
from ..tensor.softmax import guessed_dim
from ..tensor.tensor import Tensor
from . import init
from .checks import check_one_of, check_sizes
from .module import Module
from .parameter import new_parameter

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike


class _InPlace(Module):
    """Base of the activations with `inplace` as an argument."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(x, 0), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class ReLU6(_InPlace):
    """min(max(x, 0), 6), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input)


class LeakyReLU(_InPlace):
    """x where x > 0, negative_slope * x elsewhere."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return ", ".join(
            [f"negative_slope={self.negative_slope}", *filter(None, [super().extra_repr()])]
        )


class PReLU(Module):
    """x where x > 0, weight * x elsewhere, with a learned weight (1,), or (C,) for one per channel.

    x (N, C, *) -> y (N, C, *). Exclude the slope from weight decay, which would pull it to zero.

    Raises: ValueError for num_parameters below 1.
    """

    _shown = ("num_parameters",)

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        check_sizes("PReLU", num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = new_parameter(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)


class ELU(_InPlace):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(_InPlace):
    """1.0507 * elu(x, 1.6733), for networks that normalise themselves."""

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input)


class CELU(_InPlace):
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x * P(X <= x) for a standard normal X; approximate="tanh" computes P by a formula with tanh.

    Raises: ValueError for another `approximate`.
    """

    _shown = ("approximate",)

    def __init__(self, approximate: Literal["none", "tanh"] = "none"):
        super().__init__()
        check_one_of("GELU", ("none", "tanh"), approximate=approximate)
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)


class SiLU(_InPlace):
    """x * sigmoid(x), also called swish."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


class Mish(_InPlace):
    """x * tanh(softplus(x)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input)


class Hardswish(_InPlace):
    """x * relu6(x + 3) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        return F.hardswish(input)

    def extra_repr(self) -> str:
        return ""  # as PyTorch's


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.sigmoid()


class Tanh(Module):
    """tanh(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return input.tanh()


class LogSigmoid(Module):
    """log(sigmoid(x)), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x), elementwise."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


class GLU(Module):
    """a * sigmoid(b) of the halves a and b of x along the axis `dim`."""

    _shown = ("dim",)

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


class ScaledTanh(Module):
    """1.7159 * tanh(2 x / 3), 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.scaled_tanh(input)


class _AlongAxis(Module):
    """Base of functions along one axis: the axis `dim`, or PyTorch's old default."""

    _shown = ("dim",)

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def _axis_of(self, input: Tensor) -> int:
        return guessed_dim(type(self).__name__, input) if self.dim is None else self.dim


class Softmax(_AlongAxis):
    """exp(x) / sum of exp(x) along the axis `dim`.

    dim=None warns and takes PyTorch's old default: 0 for inputs of 0, 1 or 3 axes, 1 for others.
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self._axis_of(input))


class Softmin(_AlongAxis):
    """softmax(-x) along the axis `dim`; None as in Softmax."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self._axis_of(input))


class LogSoftmax(_AlongAxis):
    """log(softmax(x)) along the axis `dim`, accurate for all magnitudes; None as in Softmax."""

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self._axis_of(input))


class Softmax2d(Module):
    """Softmax over the channels of each pixel.    x (N, C, H, W) or (C, H, W) -> y of x's shape

    Raises: ValueError for an input of another rank.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d: input of shape {input.shape} must be (N, C, H, W) or (C, H, W)"
            )
        return F.softmax(input, -3)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta, or x where beta * x > threshold.

    Raises: ValueError if beta is 0.
    """

    _shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        if beta == 0:
            raise ValueError(f"Softplus: beta={beta} must not be 0")
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)
