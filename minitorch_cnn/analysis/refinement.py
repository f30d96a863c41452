"""iterative_refinement: whether the blocks of a stage progressively refine one representation.

K. Greff, R. K. Srivastava, J. Schmidhuber (2017), "Highway and residual networks learn unrolled
iterative estimation", ICLR 2017, arXiv 1612.07771, section 3 and figure 3: if the blocks of a stage
refine the estimate of its first one, then all their outputs a_k are close to the last one's,

    E[a_k - a_K] = 0,

and their spread falls from block to block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..figures import COLORS, headline, label, name_ticks, new_figure, rounded, size_for
from ..models.residual import PlainBlock
from ..nn import Module
from ..nn.evaluation import evaluation
from ..tensor import Tensor
from .blocks import residual_blocks
from .watch import checked_batch, recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Refinement(NamedTuple):
    """For each block k that is not alone in its stage, whose last block is K; arrays (B,).

    stage: numbered from 0. error: the mean of a_k - a_K over images, channels and positions;
    spread: its standard deviation. distance: ||a_k - a_K|| / ||a_K||. similarity: the cosine of the
    angle between a_k and a_K.
    """

    blocks: list[str]
    stage: np.ndarray
    error: np.ndarray
    spread: np.ndarray
    distance: np.ndarray
    similarity: np.ndarray

    def plot(self) -> Figure:
        """Plot mean and spread of the estimates' errors, and the distance to the last one."""
        figure = new_figure(*size_for(2 * self.blocks, 10, 4.0))
        left, right = figure.subplots(1, 2)
        for stage in np.unique(self.stage):
            own = np.flatnonzero(self.stage == stage)
            color = COLORS[stage % len(COLORS)]
            bars = {"color": color, "capsize": 3, "label": f"stage {stage + 1}"}
            left.errorbar(own, self.error[own], self.spread[own], fmt="o", **bars)
            right.plot(own, self.distance[own], "o-", color=color)
        label(left, "Mean and spread of a_k - a_K", "block k", "activation", legend=True)
        label(right, "Distance to the stage's last output", "block k", "||a_k - a_K|| / ||a_K||")
        for ax in (left, right):
            name_ticks(ax, self.blocks)
        worst, mean = np.abs(self.error).max(), self.spread[self.spread > 0]
        spread = rounded(mean.mean() if mean.size else 0)
        text = f"largest mean error {rounded(worst)}, mean spread {spread}"
        headline(figure, f"Iterative refinement: {text}")
        return figure


def iterative_refinement(model: Module, x: Tensor) -> Refinement:
    """Measure how far the output of each block is from that of the last block in its stage.

    x (N, C, H, W). A stage is a sequence of residual blocks with equal output shapes, in a net that
    has none of plain ones, whose outputs need not be close; the model runs in evaluation mode.

    Raises: ValueError for another shape, or a model without two such blocks in a stage.
    """
    checked_batch("iterative_refinement", x)
    try:
        blocks = [b.name for b in residual_blocks(model, x, "iterative_refinement")[1]]
    except ValueError:
        blocks = [name for name, m in model.named_modules() if isinstance(m, PlainBlock)]
        if not blocks:
            raise
    with recorded(model) as outputs, evaluation(model), no_grad():
        model(x)
    stages: list[list[str]] = []
    for block in blocks:
        shape = outputs[block].shape
        if not stages or outputs[stages[-1][-1]].shape != shape:
            stages.append([])
        stages[-1].append(block)
    names, rows = [], []
    for number, members in enumerate(s for s in stages if len(s) > 1):
        last = outputs[members[-1]].array.astype(np.float64)
        for name in members:
            names.append(name)
            rows.append((number, *_compared(outputs[name].array.astype(np.float64), last)))
    if not rows:
        raise ValueError(
            f"iterative_refinement: {type(model).__name__} has no two blocks in a stage"
        )
    return Refinement(names, *(np.array(column) for column in zip(*rows, strict=True)))


def _compared(a: np.ndarray, last: np.ndarray) -> tuple[float, float, float, float]:
    difference, length = a - last, np.linalg.norm(last)
    cosine = (a * last).sum() / (np.linalg.norm(a) * length or 1)
    return (
        float(difference.mean()),
        float(difference.std()),
        float(np.linalg.norm(difference) / (length or 1)),
        float(cosine),
    )
