"""Embedding: a table of learned vectors."""

from __future__ import annotations

from .. import functional as F
from ..autograd.modes import no_grad
from ..tensor.tensor import Tensor
from . import init
from .checks import check_sizes
from .module import Module
from .parameter import ShapeOnly, new_parameter


class Embedding(Module):
    """y[i] = weight[x[i]].    x (*) of integers, weight (num_embeddings, D) -> y (*, D)

    The row `padding_idx` starts at zero and gets no gradient.

    Raises: ValueError for sizes below 1 or a padding_idx that is no row.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device=None,
        dtype=None,
    ):
        super().__init__()
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        rows = num_embeddings
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise ValueError(f"Embedding: padding_idx={padding_idx} must be in {-rows}..{rows - 1}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % rows
        self.weight = new_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight from N(0, 1), but for the row of the padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None and not isinstance(self.weight, ShapeOnly):
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
