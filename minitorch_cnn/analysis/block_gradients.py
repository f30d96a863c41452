"""gradient_norms: how much of the loss's gradient reaches each block of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad, grad
from ..figures import BLUE, axes_or_new, figure_of, label, log_ticks, name_ticks, size_for
from ..graph import CaptureError
from ..models.residual import PlainBlock
from ..nn import Module
from ..nn.evaluation import first_output
from ..tensor import Tensor
from .blocks import residual_blocks
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class GradientNorms(NamedTuple):
    """norms (B,): the Euclidean norm of the gradients of all weights of each block."""

    blocks: list[str]
    norms: np.ndarray

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot the norms on a logarithmic scale."""
        ax = axes_or_new(ax, *size_for(self.blocks))
        shown = np.where(self.norms > 0, self.norms, np.nan)
        ax.semilogy(range(len(shown)), shown, "o-", color=BLUE)
        first, last = self.norms[0], self.norms[-1]
        ratio = f": first / last = {first / last:.2g}" if last else ""
        label(ax, f"Gradient of each block{ratio}", "block", "norm of the weights' gradients")
        log_ticks(ax.yaxis)
        name_ticks(ax, self.blocks)
        return figure_of(ax)


@enable_grad()
def gradient_norms(model: Module, x: Tensor, labels: np.ndarray | None = None) -> GradientNorms:
    """Measure ||dL/dw|| of every block for the cross-entropy L of one batch.

    x (N, C, H, W), labels (N,), zeros by default. Blocks are the residual or plain blocks and the
    layers with weights outside them, in the order of their definition; the model runs in its
    current mode.

    Raises: ValueError for other shapes, or a model without weights.
    """
    target = checked_batch("gradient_norms", x, labels)
    names = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not names:
        raise ValueError("gradient_norms: model has no weights that require a gradient")
    gradients = grad(
        F.cross_entropy(first_output(model(x)), target), [p for _, p in names], allow_unused=True
    )
    squares: dict[str, float] = {}
    inside = block_names(model, x)
    for (name, _), g in zip(names, gradients, strict=True):
        if g is not None:
            own = name.rpartition(".")[0]
            block = next((b for b in inside if own == b or own.startswith(b + ".")), own)
            square = float((g.array.astype(np.float64) ** 2).sum())
            squares[block or "model"] = squares.get(block or "model", 0.0) + square
    return GradientNorms(list(squares), np.sqrt(list(squares.values())))


def block_names(model: Module, x: Tensor) -> list[str]:
    """The names of a model's residual blocks or, if none are found, of its plain blocks."""
    try:
        return [block.name for block in residual_blocks(model, x, "block_names")[1]]
    except (ValueError, CaptureError):
        return [name for name, module in model.named_modules() if isinstance(module, PlainBlock)]
