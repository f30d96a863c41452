"""MultiheadAttention, and encoder layers built on it (Vaswani et al. 2017)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from .. import functional as F
from ..functional.attention import masked_softmax
from ..tensor import cat
from ..tensor.arithmetic import where
from ..tensor.creation import zeros
from ..tensor.tensor import Tensor
from . import init
from .checks import check_divides, check_probability, check_sizes
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import LayerNorm
from .parameter import new_parameter

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike


class NonDynamicallyQuantizableLinear(Linear):
    """Linear under the name that PyTorch prints in a MultiheadAttention."""


class MultiheadAttention(Module):
    """softmax(q k' / sqrt(D) + mask) v in num_heads heads of D = E / num_heads; a projection joins
    the heads.

    query (L, N, E), key (S, N, kdim), value (S, N, vdim); N comes first with batch_first, or may be
    absent -> y of query's shape, and the attention weights: (N, L, S), averaged over the heads,
    (N, num_heads, L, S) without average_attn_weights, or None without need_weights

    key_padding_mask (N, S) and attn_mask (L, S) or (N num_heads, L, S) hold numbers to add, or
    booleans: True HIDES a key, the opposite of F.scaled_dot_product_attention. A query without a
    visible key gets zeros, not PyTorch's NaN. `dropout` acts on the attention weights in training.
    add_bias_kv appends a learned key and value, add_zero_attn a key and value of zeros.

    Raises: ValueError for sizes that do not fit.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        name = "MultiheadAttention"
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        kdim, vdim = (embed_dim if size is None else size for size in (kdim, vdim))
        check_sizes(name, embed_dim=embed_dim, num_heads=num_heads, kdim=kdim, vdim=vdim)
        check_divides(name, "num_heads", num_heads, embed_dim=embed_dim)
        check_probability(name, dropout=dropout)
        self.embed_dim, self.num_heads, self.kdim, self.vdim = embed_dim, num_heads, kdim, vdim
        self.head_dim = embed_dim // num_heads
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        together = kdim == vdim == embed_dim
        apart = not together
        self.q_proj_weight = new_parameter(embed_dim, embed_dim, **where) if apart else None
        self.k_proj_weight = new_parameter(embed_dim, kdim, **where) if apart else None
        self.v_proj_weight = new_parameter(embed_dim, vdim, **where) if apart else None
        self.in_proj_weight = new_parameter(3 * embed_dim, embed_dim, **where) if together else None
        self.in_proj_bias = new_parameter(3 * embed_dim, **where) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **where)
        self.bias_k = new_parameter(1, 1, embed_dim, **where) if add_bias_kv else None
        self.bias_v = new_parameter(1, 1, embed_dim, **where) if add_bias_kv else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw projections by xavier_uniform_, bias_k and bias_v by xavier_normal_; zero biases."""
        weights = self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        for weight in weights:
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if is_causal and attn_mask is None:
            raise ValueError(
                "MultiheadAttention: is_causal=True only describes attn_mask; pass the mask as well"
            )
        batched = query.ndim == 3
        given = [query, key, value]
        if not batched:
            given = [x.unsqueeze(0) for x in given]
        elif not self.batch_first:
            given = [x.transpose(0, 1) for x in given]
        self._check(query, *given)
        q, k, v = self._projected(*given)  # (N, L, E), (N, S, E), (N, S, E)
        mask = self._mask(q, k, key_padding_mask, attn_mask)
        k, v, mask = self._extended(k, v, mask)
        q, k, v = (
            x.reshape(*x.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)
            for x in (q, k, v)
        )
        scores = (q / math.sqrt(self.head_dim)) @ k.transpose(-2, -1)
        shares = masked_softmax("MultiheadAttention", scores, mask)
        shares = F.dropout(shares, self.dropout, self.training)
        y = (shares @ v).transpose(1, 2).reshape(q.shape[0], -1, self.embed_dim)
        y = self.out_proj(y)
        shares = shares.mean(1) if average_attn_weights else shares
        if not batched:
            y, shares = y.squeeze(0), shares.squeeze(0)
        elif not self.batch_first:
            y = y.transpose(0, 1)
        return y, shares if need_weights else None

    def _check(self, query: Tensor, q: Tensor, k: Tensor, v: Tensor) -> None:
        if query.ndim not in (2, 3) or k.ndim != 3 or v.ndim != 3:
            raise ValueError("MultiheadAttention: query, key and value must all have 2 or 3 axes")
        sizes = self.embed_dim, self.kdim, self.vdim
        if (
            tuple(x.shape[-1] for x in (q, k, v)) != sizes
            or not len(q) == len(k) == len(v)
            or k.shape[1] != v.shape[1]
        ):
            raise ValueError(
                f"MultiheadAttention: query {q.shape}, key {k.shape} and value {v.shape} (batch "
                f"first) must be (N, L, {sizes[0]}), (N, S, {sizes[1]}) and (N, S, {sizes[2]})"
            )

    def _projected(self, *given: Tensor) -> list[Tensor]:
        weights: Any
        if self.in_proj_weight is not None:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        return [F.linear(x, w, b) for x, w, b in zip(given, weights, biases, strict=True)]

    def _mask(
        self, q: Tensor, k: Tensor, padding: Tensor | None, mask: Tensor | None
    ) -> Tensor | None:
        """Both masks as numbers to add to the scores (N, num_heads, L, S), or None."""
        n, steps, keys = len(q), q.shape[1], k.shape[1]
        total = None
        if mask is not None:
            if mask.shape not in ((steps, keys), (n * self.num_heads, steps, keys)):
                raise ValueError(
                    f"MultiheadAttention: attn_mask of shape {mask.shape} must be "
                    f"{(steps, keys)} or {(n * self.num_heads, steps, keys)}"
                )
            total = _added(mask, q)
            if mask.ndim == 3:
                total = total.reshape(n, self.num_heads, steps, keys)
        if padding is not None:
            if padding.shape not in ((n, keys), (keys,)):
                raise ValueError(
                    f"MultiheadAttention: key_padding_mask of shape {padding.shape} must be "
                    f"{(n, keys)}"
                )
            hidden = _added(padding, q).reshape(-1, 1, 1, keys)
            total = hidden if total is None else total + hidden
        return total

    def _extended(
        self, k: Tensor, v: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys, values and mask, extended by bias_k, bias_v and the zeros of add_zero_attn."""
        before, n = k.shape[1], len(k)
        if self.bias_k is not None and self.bias_v is not None:
            shape = (n, 1, self.embed_dim)
            k, v = cat([k, self.bias_k.expand(shape)], 1), cat([v, self.bias_v.expand(shape)], 1)
        if self.add_zero_attn:
            nothing = zeros(n, 1, self.embed_dim, dtype=k.dtype, device=k.device)
            k, v = cat([k, nothing], 1), cat([v, nothing], 1)
        if mask is not None:
            mask = F.pad(mask, (0, k.shape[1] - before))
        return k, v, mask


def _added(mask: Tensor, like: Tensor) -> Tensor:
    """A mask as numbers to add; True hides a key."""
    if mask.dtype.kind != "b":
        return mask
    return where(mask, -math.inf, zeros((), dtype=like.dtype, device=like.device))


class TransformerEncoderLayer(Module):
    """x + attention(x), then x + feed-forward(x), with a layer norm after each, or before each with
    norm_first.

    x (L, N, d_model), or (N, L, d_model) with batch_first, or (L, d_model) -> y of x's shape; the
    masks are MultiheadAttention's. activation: "relu", "gelu" or a function.

    Raises: ValueError for sizes that do not fit or another activation.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Literal["relu", "gelu"] | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **where
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        if isinstance(activation, str):
            if activation not in ("relu", "gelu"):
                raise ValueError(
                    f"TransformerEncoderLayer: activation={activation!r} must be 'relu', 'gelu' or "
                    "a function"
                )
            activation = F.relu if activation == "relu" else F.gelu
        self.activation = activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = src + self._attended(self.norm1(src), *masks)
            return x + self._fed(self.norm2(x))
        x = self.norm1(src + self._attended(src, *masks))
        return self.norm2(x + self._fed(x))

    def _attended(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        settings: dict[str, Any] = {"attn_mask": mask, "is_causal": is_causal}
        return self.dropout1(self.self_attn(x, x, x, padding, need_weights=False, **settings)[0])

    def _fed(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, one after the other, and `norm` if given.

    enable_nested_tensor and mask_check, which speed up PyTorch, change nothing.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        super().__init__()
        check_sizes("TransformerEncoder", num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)
