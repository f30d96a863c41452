"""Cross-entropy in NumPy, or in CuPy for its arrays: a few passes over the logits."""

import numpy as np


def cross_entropy_forward(x, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> y, m, s (N, L)."""
    at, hard = _hard(x, target, weight, ignore_index, smoothing)
    m = x.max(1)
    below = x - m[:, None]
    s = np.exp(below).sum(1)
    log_s = np.log(s)
    # Where q is 0 the logit may be -inf; the term is 0, not 0 times infinity.
    y = np.where(hard == 0, 0, hard * (log_s - np.take_along_axis(below, at, 1)[:, 0]))
    if smoothing:
        spread = np.subtract(log_s[:, None], below, out=below)
        spread = spread.sum(1) if weight is None else _dot(weight, spread)
        y += np.where(target == ignore_index, 0, spread * (smoothing / x.shape[1]))
    return y, m, s


def cross_entropy_backward(gy, x, m, s, target, weight, ignore_index, smoothing):
    """gy, m, s (N, L), x (N, C, L) -> gx (N, C, L)."""
    at, hard = _hard(x, target, weight, ignore_index, smoothing)
    soft = np.where(target == ignore_index, 0, x.dtype.type(smoothing / x.shape[1]))
    w = np.zeros(x.shape[1], x.dtype, like=x) + 1 if weight is None else weight
    gx = np.exp(x - m[:, None])
    gx *= (gy * (hard + soft * w.sum()) / s)[:, None]
    if smoothing:
        gx -= (gy * soft)[:, None] * w[:, None]
    picked = np.take_along_axis(gx, at, 1) - (gy * hard)[:, None]
    np.put_along_axis(gx, at, picked, 1)
    return gx


def _hard(x, target, weight, ignore_index, smoothing):
    """The targets (N, 1, L), 0 where ignored, and the part of q for the target only, (N, L)."""
    counted = target != ignore_index
    at = np.where(counted, target, 0)
    w = x.dtype.type(1) if weight is None else weight[at]
    return at[:, None], counted * (w * x.dtype.type(1 - smoothing))


def _dot(weight, terms):
    """The sum over c of weight[c] terms[:, c]; skips terms of weight 0, which may be infinite."""
    counts = weight != 0
    return np.einsum("c,ncl->nl", weight[counts], terms[:, counts])
