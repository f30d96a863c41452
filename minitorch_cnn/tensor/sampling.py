"""Random samples with parameters given as tensors: normal, bernoulli, multinomial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import devices, dtypes, random
from ..autograd import array_function
from .creation import randn
from .promotion import as_tensor

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DeviceLike, Dims, DTypeLike, TensorLike


def normal(
    mean: float | Tensor,
    std: float | Tensor = 1.0,
    size: Dims | None = None,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw independent numbers from N(mean, std^2).

    There is one for each element of `mean` and `std` if either is a Tensor, or a tensor of `size`
    if both are numbers.

    Raises: ValueError for a negative std, TypeError for numbers without a size.
    """
    tensors = [x for x in (mean, std) if isinstance(x, array_function.Tensor)]
    if (std.array < 0).any() if isinstance(std, array_function.Tensor) else std < 0:
        raise ValueError(f"normal: std={std} must not be negative")
    if not tensors:
        if size is None:
            raise TypeError("normal: size must be given where mean and std are numbers")
        y = randn(size, generator=generator, dtype=dtype, device=device) * std + mean
    else:
        if size is not None:
            raise TypeError(f"normal: size={size} is given by the tensors mean and std")
        shape = np.broadcast_shapes(*(x.shape for x in tensors))
        first = tensors[0]
        y = randn(shape, generator=generator, dtype=first.dtype, device=first.device)
        y = (y * std + mean).detach()
    return y.requires_grad_() if requires_grad else y


def bernoulli(
    input: TensorLike, p: float | None = None, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Draw 1 with the probability given by each element of `input`, or by p; else 0.

    Raises: ValueError for probabilities outside 0 to 1, TypeError for integers without p.
    """
    input = as_tensor(input, "bernoulli")
    if p is None and input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"bernoulli: input has dtype {input.dtype}, must be probabilities")
    chances = devices.to_host(input.array) if p is None else np.asarray(p)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("bernoulli: probabilities must lie in [0, 1]")
    rng = generator or random.default_generator()
    drawn = rng.random(input.shape) < chances
    return array_function.Tensor(np.asarray(drawn.astype(input.dtype), like=input.array))


def multinomial(
    input: TensorLike,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Draw indices with probabilities proportional to the weights in the last axis.

    input (R,) or (N, R), not negative -> indices (num_samples,) or (N, num_samples) of int64.
    Without replacement no index is repeated in a row.

    Raises: RuntimeError for weights that are negative, not finite or all 0, and for more samples
    than positive weights when drawing without replacement.
    """
    input = as_tensor(input, "multinomial")
    if input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"multinomial: input has dtype {input.dtype}, must be of floats")
    if input.ndim not in (1, 2):
        raise RuntimeError(f"multinomial: input has {input.ndim} axes, must have one or two")
    weights = devices.to_host(input.array).astype(np.float64)
    rows = weights.reshape(-1, weights.shape[-1])
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows.sum(1) > 0).all()):
        raise RuntimeError(
            "multinomial: weights must be finite, not negative, and not all 0 in a row"
        )
    if num_samples < 1:
        raise RuntimeError(f"multinomial: num_samples={num_samples} must be at least 1")
    fewest = (rows > 0).sum(1).min(initial=rows.shape[1])
    if not replacement and num_samples > fewest:
        raise RuntimeError(
            f"multinomial: num_samples={num_samples} exceed the {fewest} weights above 0, "
            "without replacement"
        )
    rng = generator or random.default_generator()
    if replacement:
        ends = np.cumsum(rows / rows.sum(1, keepdims=True), 1)
        draws = rng.random((len(rows), num_samples)) * ends[:, -1:]
        drawn: Array = np.zeros((len(rows), num_samples))
        for i, (end, draw) in enumerate(zip(ends, draws, strict=True)):
            drawn[i] = np.searchsorted(end, draw, side="right")
    else:  # the first events of exponential clocks whose rates are the weights
        clocks = rng.standard_exponential(rows.shape)
        with np.errstate(divide="ignore"):
            clocks = np.where(rows > 0, clocks / rows, np.inf)
        drawn = np.argsort(clocks, 1, kind="stable")[:, :num_samples]
    drawn = drawn.astype(np.int64).reshape(*weights.shape[:-1], num_samples)
    return array_function.Tensor(np.asarray(drawn, like=input.array))
