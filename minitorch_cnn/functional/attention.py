"""Attention: each query averages the values, weighted by its similarity to their keys."""

from __future__ import annotations

import math

from ..tensor import ones
from ..tensor.arithmetic import where
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor
from .dropout import dropout


@in_float32
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Compute softmax(q k' scale + mask) v (Vaswani et al. 2017, equation 1).

    q (*, L, E), k (*, S, E), v (*, S, V) -> y (*, L, V);  attn_mask broadcasts to (*, L, S):
    numbers to add, or booleans, True where a query may attend to a key. is_causal: query i attends
    to keys 0 to i. scale: 1/sqrt(E) by default.
    A query that may attend to no key gets zeros. dropout_p is applied whenever it is above 0, since
    a function has no training mode. enable_gqa repeats the heads (axis -3) of key and value to
    match query's.

    Raises: ValueError for shapes that do not fit or a mask together with is_causal, TypeError
    unless all are floats of one dtype.
    """
    name = "scaled_dot_product_attention"
    check_float(name, query=query, key=key, value=value)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(f"{name}: query, key and value must have at least 2 axes")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"{name}: query {query.shape}, key {key.shape} and value {value.shape} must be "
            "(*, L, E), (*, S, E) and (*, S, V)"
        )
    if is_causal and attn_mask is not None:
        raise ValueError(f"{name}: attn_mask and is_causal=True exclude each other")
    if enable_gqa:
        key, value = (_with_heads(name, x, query.shape[-3]) for x in (key, value))
    steps, keys = query.shape[-2], key.shape[-2]
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = ones(steps, keys, dtype=bool, device=query.device).tril()
    shares = masked_softmax(name, scores, attn_mask)
    return (dropout(shares, dropout_p) if dropout_p else shares) @ value


def masked_softmax(name: str, scores: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(scores) along the last axis, with a mask of booleans or numbers; rows that are all
    -infinity give zeros."""
    if mask is None:
        return scores.softmax(-1)
    check_tensor(name, attn_mask=mask)
    if mask.dtype.kind == "b":
        scores = where(mask, scores, -math.inf)
    else:
        check_float(name, attn_mask=mask)
        scores = scores + mask
    nothing = (scores == -math.inf).all(-1, keepdim=True)
    return where(nothing, 0.0, where(nothing, 0.0, scores).softmax(-1))


def _with_heads(name: str, x: Tensor, heads: int) -> Tensor:
    if x.ndim < 3 or heads % x.shape[-3]:
        raise ValueError(
            f"{name}: enable_gqa=True needs a number of heads that divides query's {heads}, "
            f"got shape {x.shape}"
        )
    return x.repeat_interleave(heads // x.shape[-3], -3)
