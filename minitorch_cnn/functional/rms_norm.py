"""Normalisation by the root of the mean square alone: layer norm without the mean."""

from __future__ import annotations

import numpy as np

from ..tensor.half import rounded, widened
from ..tensor.tensor import Tensor
from .norm import affine, check_dtypes, check_ending, check_vectors


def rms_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """w x / sqrt(<x^2> + eps), < > the mean over the last axes (Zhang, Sennrich 2019).

    x (*, *normalized_shape), w of normalized_shape -> y of x's shape

    eps=None is the distance from 1 to the next number of the dtype, float32's for 16 bits, too.

    Raises: ValueError for shapes that do not fit, TypeError for other than floats of one dtype,
    except that 16-bit input goes with a float32 weight, too: y has input's dtype.
    """
    check_dtypes("rms_norm", input, weight=weight)
    shape = check_ending("rms_norm", input, normalized_shape)
    check_vectors("rms_norm", shape, weight=weight)
    x = widened(input)
    if eps is None:
        eps = float(np.finfo(x.dtype).eps)
    mean = (x * x).mean(tuple(range(-len(shape), 0)), keepdim=True)
    return rounded(affine(x * (mean + eps).rsqrt(), weight, None, shape), input.dtype)
