"""Embedding: a table of learned vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import functional as F
from ..autograd.modes import no_grad
from ..tensor.tensor import Tensor
from . import init
from .checks import check_sizes
from .module import Module
from .parameter import Parameter, ShapeOnly, new_parameter, shapes_only

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11

    from ..tensor.types import DeviceLike, DTypeLike


class Embedding(Module):
    """y[i] = weight[x[i]].    x (*) of integers, weight (num_embeddings, D) -> y (*, D)

    The row `padding_idx` starts at zero and gets no gradient. F.embedding explains max_norm,
    norm_type and scale_grad_by_freq.

    Raises: ValueError for sizes below 1, a padding_idx out of range, or sparse=True.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        if sparse:
            raise ValueError("Embedding: sparse=True is not supported, gradients are dense")
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        rows = num_embeddings
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise ValueError(f"Embedding: padding_idx={padding_idx} must be in {-rows}..{rows - 1}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % rows
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = new_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer that shares a table (R, D) of vectors, and does not train it if `freeze`.

        Raises: ValueError for a table without two axes, and as the layer does.
        """
        if embeddings.ndim != 2:
            raise ValueError(
                f"from_pretrained: embeddings of shape {embeddings.shape} must be (R, D)"
            )
        with shapes_only():  # its own table would be discarded
            rows, dim = embeddings.shape
            layer = cls(rows, dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Draw the weight from N(0, 1); the row padding_idx stays zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None and not isinstance(self.weight, ShapeOnly):
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        plain = {
            "padding_idx": None,
            "max_norm": None,
            "norm_type": 2,
            "scale_grad_by_freq": False,
        }
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"{k}={getattr(self, k)}" for k, v in plain.items() if getattr(self, k) != v]
        return ", ".join(parts)
