"""Paths through a residual network: their number and their gradient, by length.

A. Veit, M. Wilber, S. Belongie (2016), "Residual networks behave like ensembles of relatively
shallow networks", NIPS 2016, arXiv 1605.06431, section 5. A path takes the branch or the shortcut
of each of n blocks: there are 2^n paths, C(n, k) of them with k branches. The gradient of a path
decreases with its length, so that only short paths carry a significant gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad, grad
from ..autograd.array_function import ArrayFunction
from ..figures import (
    BLUE,
    VERMILLION,
    axes_or_new,
    figure_of,
    headline,
    label,
    log_ticks,
    new_figure,
    whole_ticks,
)
from ..graph import Graph
from ..graph.interpreter import execute
from ..nn import Module
from ..random import default_generator
from ..tensor import Tensor
from .blocks import FoundBlock, residual_blocks
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class PathLengths(NamedTuple):
    """counts[k], an exact int: the paths through k branches of n = len(counts) - 1 blocks."""

    counts: list[int]

    @property
    def shares(self) -> np.ndarray:
        """(n + 1,): the counts divided by their sum 2^n."""
        total = sum(self.counts)
        return np.array([count / total for count in self.counts])

    @property
    def mean(self) -> float:
        """n / 2"""
        return float(self.shares @ np.arange(len(self.counts)))

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot the shares as bars."""
        ax = axes_or_new(ax)
        n = len(self.counts) - 1
        ax.bar(range(n + 1), 100 * self.shares, color=BLUE)
        whole_ticks(ax, range(-1, n + 2))
        title = f"2^{n} paths, most of them near {self.mean:g} branches long"
        label(ax, title, "length of the path (branches)", "share of all paths (%)")
        return figure_of(ax)


class PathGradients(NamedTuple):
    """norms (K,): the mean norm of the gradient at the input through one path of each length.

    total (K,): this norm times the number of such paths, as a fraction of the sum.
    """

    lengths: np.ndarray
    norms: np.ndarray
    total: np.ndarray
    blocks: int

    def plot(self) -> Figure:
        """Plot the norm of one path, and the share of all paths of a length beside their number."""
        figure = new_figure(10, 4)
        one, together = figure.subplots(1, 2)
        shown = np.where(self.norms > 0, self.norms, np.nan)
        one.semilogy(self.lengths, shown, "o-", color=BLUE)
        label(one, "One path", "length of the path (branches)", "norm of the gradient dL/dx")
        log_ticks(one.yaxis)
        paths = path_lengths(self.blocks).shares
        together.plot(paths * 100, color=VERMILLION, label="of all paths")
        together.plot(self.lengths, 100 * self.total, "o-", color=BLUE, label="of the gradient")
        whole_ticks(one, self.lengths.tolist())
        whole_ticks(together, range(self.blocks + 1))
        label(together, "All paths of a length", "length of the path (branches)", "share (%)", True)
        middle = float(self.total @ self.lengths)
        text = f"The gradient comes by paths of {middle:.1f} of {self.blocks} branches"
        headline(figure, f"{text}; the mean path has {self.blocks / 2:g}")
        return figure


def path_lengths(blocks: int) -> PathLengths:
    """Count the paths through `blocks` residual blocks: C(n, k) pass k branches.

    Raises: ValueError for a negative number of blocks.
    """
    if blocks < 0:
        raise ValueError(f"path_lengths: blocks={blocks} must not be negative")
    return PathLengths([math.comb(blocks, k) for k in range(blocks + 1)])


@enable_grad()
def gradient_by_path_length(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    lengths: Sequence[int] | None = None,
    samples: int = 10,
    generator: np.random.Generator | None = None,
) -> PathGradients:
    """Measure the gradient of the loss at the input along one random path at a time.

    x (N, C, H, W), labels (N,), zeros by default. The batch runs forward once through the whole
    network, in evaluation mode; on the way back k random blocks propagate the gradient through
    their branch only and the others through their shortcut only. lengths: the values of k, by
    default all from 0; samples: paths of each length.

    Raises: ValueError for other shapes or lengths, or a model without residual blocks.
    """
    target = checked_batch("gradient_by_path_length", x, labels)
    traced, blocks = residual_blocks(model, x, "gradient_by_path_length")
    n = len(blocks)
    lengths = range(n + 1) if lengths is None else lengths
    if samples < 1 or not all(0 <= k <= n for k in lengths):
        raise ValueError(
            f"gradient_by_path_length: lengths={list(lengths)} must be from 0 to {n}, and "
            f"samples={samples} at least 1"
        )
    rng = generator or default_generator()
    leaf = Tensor(x.array, requires_grad=True)
    output, sums = _with_sums(traced.graph, [block.junction for block in blocks], leaf)
    loss = F.cross_entropy(output, target)
    norms = np.zeros(len(lengths))
    for i, k in enumerate(lengths):
        for _ in range(samples):
            chosen = set(rng.choice(n, k, replace=False).tolist())
            norms[i] += _norm_along(loss, blocks, sums, chosen, leaf) / samples
    weighted = np.array([math.comb(n, k) * v for k, v in zip(lengths, norms.tolist(), strict=True)])
    total = weighted / (weighted.sum() or 1)
    return PathGradients(np.array(lengths), norms, total.astype(float), n)


def _with_sums(graph: Graph, names: list[str], x: Tensor) -> tuple[Tensor, list[ArrayFunction]]:
    """The first result of a graph for x, and what autograd recorded of the sums `names`."""
    made: dict[str, Tensor] = {}
    output, *_ = execute(graph, {graph.inputs[0].name: x}, made.__setitem__)
    nodes = {node.name: node.outputs[0] for node in graph.nodes}
    sums: list[Any] = [made[nodes[name]].grad_fn for name in names]
    return output, sums


def _norm_along(
    loss: Tensor, blocks: list[FoundBlock], sums: list[ArrayFunction], chosen: set[int], x: Tensor
) -> float:
    """||dL/dx|| if the gradient enters only the branches of the chosen blocks."""
    edges = [list(junction.edges) for junction in sums]
    try:
        for i, (block, junction) in enumerate(zip(blocks, sums, strict=True)):
            junction.edges[block.shortcut if i in chosen else block.branch] = None
        (gx,) = grad(loss, x, retain_graph=True, allow_unused=True)
    finally:
        for junction, kept in zip(sums, edges, strict=True):
            junction.edges[:] = kept
    return 0.0 if gx is None else float(np.linalg.norm(gx.array.astype(np.float64)))
