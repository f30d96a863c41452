"""Lesion studies: the error of a trained network without some of its blocks, or reordered ones.

A. Veit, M. Wilber, S. Belongie (2016), "Residual networks behave like ensembles of relatively
shallow networks", NIPS 2016, arXiv 1605.06431, section 4. A residual block loses its branch and
keeps its shortcut. A plain block, or a convolution of a net without blocks, is replaced by the
option A shortcut of a residual net: every stride-th pixel, and zeros for new channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import no_grad
from ..figures import (
    BLUE,
    GREY,
    VERMILLION,
    axes_or_new,
    figure_of,
    label,
    name_ticks,
    size_for,
    whole_ticks,
)
from ..graph.structure import flatten
from ..models.residual import PlainBlock
from ..nn import Conv2d, Module
from ..nn.evaluation import evaluation, first_output
from ..random import default_generator
from ..tensor import Tensor
from ..tensor.padding import pad
from .blocks import blocks_of
from .trace import trace_of
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCH = 256


class Unit(NamedTuple):
    """A part of a network that can be left out.

    last: for a residual block the module whose output is the branch; None if the block's input
    replaces its output. Shapes are without the batch axis.
    """

    name: str
    module: Module
    last: Module | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    residual: bool


class Lesions(NamedTuple):
    """errors (B,): the top-1 error, in [0, 1], without each unit; intact: with all units."""

    units: list[str]
    errors: np.ndarray
    intact: float
    residual: bool

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot a bar for each unit, and a line for the intact network."""
        ax = axes_or_new(ax, *size_for(self.units))
        color = BLUE if self.residual else VERMILLION
        ax.bar(range(len(self.errors)), 100 * self.errors, color=color)
        ax.axhline(100 * self.intact, color=GREY, linestyle="--", label="intact")
        kind = "residual block" if self.residual else "plain layer"
        median = 100 * np.median(self.errors)
        title = f"Without one {kind}: median error {median:.1f} %, intact {100 * self.intact:.1f} %"
        label(ax, title, f"{kind} left out", "top-1 error (%)", legend=True)
        name_ticks(ax, self.units)
        return figure_of(ax)


class RandomLesions(NamedTuple):
    """errors (K, T): the top-1 errors of T random changes of each size.

    sizes (K,): the number of units left out; for reordering, the rank correlation with the original
    order.
    """

    sizes: np.ndarray
    errors: np.ndarray
    intact: float
    residual: bool
    reordered: bool

    def medians(self) -> list[tuple[float, float]]:
        """The median size and error over the trials of each size, from the smallest change on.

        The first pair is that of the intact network: 0 units left out, or a correlation of 1.
        """
        none = 1.0 if self.reordered else 0.0
        sizes = np.median(self.sizes.reshape(len(self.sizes), -1), 1)
        found = [
            (size, float(np.median(self.errors[sizes == size])))
            for size in sorted(set(sizes.tolist()), reverse=self.reordered)
        ]
        return [(none, self.intact), *((size, error) for size, error in found if size != none)]

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot every trial as a point, and the medians as a line from the intact network on."""
        ax = axes_or_new(ax)
        color = BLUE if self.residual else VERMILLION
        sizes = np.broadcast_to(self.sizes.reshape(len(self.sizes), -1), self.errors.shape)
        ax.plot(sizes.ravel(), 100 * self.errors.ravel(), ".", color=color, alpha=0.4)
        line = np.array(self.medians()) * (1, 100)
        ax.plot(*line.T, "o-", color=color, markersize=4, label="median")
        ax.axhline(100 * self.intact, color=GREY, linestyle="--", label="intact")
        kind = "residual blocks" if self.residual else "plain layers"
        if self.reordered:
            title, x = (
                f"Error with {kind} in another order",
                "Kendall's rank correlation with the order learned",
            )
            ax.invert_xaxis()
        else:
            whole_ticks(ax, [0, *self.sizes.tolist()])
            title, x = f"Error without several {kind}", f"{kind} left out"
        label(ax, title, x, "top-1 error (%)", legend=True)
        return figure_of(ax)


def lesion_units(model: Module, x: Tensor, function: str = "lesion_units") -> list[Unit]:
    """The residual blocks of a model, or else its plain blocks, or else its convolutions.

    Raises: in the name of `function` ValueError if there is nothing to leave out; CaptureError, a
    RuntimeError, for a model that branches on values.
    """
    found = trace_of(model, x, function)
    blocks = [
        Unit(b.name, b.module, b.last, b.input_shape, b.output_shape, True)
        for b in blocks_of(found)
    ]
    if blocks:
        return blocks
    for kind in (PlainBlock, Conv2d):
        units = [
            Unit(c.name, c.module, None, c.input_shape, c.output_shape, False)
            for c in found.calls
            if isinstance(c.module, kind)
        ]
        if units:
            return units
    raise ValueError(f"{function}: {type(model).__name__} has no block or convolution to leave out")


@contextmanager
def without(units: Iterable[Unit]) -> Iterator[None]:
    """Leave the units out during the block."""
    with ExitStack() as stack:
        for unit in units:
            if unit.last is not None:
                handle = unit.last.register_forward_hook(
                    lambda module, inputs, y: Tensor(np.zeros_like(y.array))
                )
                stack.callback(handle.remove)
            else:
                stack.enter_context(replaced(unit.module, _passing(unit.output_shape)))
        yield


@contextmanager
def replaced(module: Module, forward: Any) -> Iterator[None]:
    """Make the module compute another function during the block."""
    own = vars(module).get("forward")  # the user may have overridden the class's method
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own


def _passing(shape: tuple[int, ...]) -> Callable[..., Tensor]:
    """The function of x (N, C, H, W), the first tensor among its arguments, that subsamples the
    nearest pixels and crops or zero-pads to a shape (C, H, W).
    """

    def forward(*inputs: Any, **settings: Any) -> Tensor:
        x = flatten((inputs, settings))[0][0]
        if x.shape[2:] != shape[1:]:
            x = F.interpolate(x, size=shape[1:], mode="nearest")
        missing = shape[0] - x.shape[1]
        return pad(x, (0, 0, 0, 0, 0, missing)) if missing > 0 else x[:, : shape[0]]

    return forward


def top1_error(model: Module, x: Tensor, labels: Tensor) -> float:
    """The fraction of x (N, C, H, W) that the model misclassifies in evaluation mode."""
    wrong = 0
    with evaluation(model), no_grad():
        for first in range(0, len(x), BATCH):
            part = slice(first, first + BATCH)
            guess = first_output(model(x[part])).array.argmax(1)
            wrong += int((guess != labels.array[part]).sum())
    return wrong / len(x)


def lesion_study(model: Module, x: Tensor, labels: np.ndarray) -> Lesions:
    """Measure the error of the model without each of its `lesion_units`, one at a time.

    x (N, C, H, W), labels (N,)

    Raises: ValueError for other shapes, or a model with nothing to leave out.
    """
    target = checked_batch("lesion_study", x, labels)
    units = lesion_units(model, x, "lesion_study")
    errors = []
    for unit in units:
        with without([unit]):
            errors.append(top1_error(model, x, target))
    intact = top1_error(model, x, target)
    return Lesions([u.name for u in units], np.array(errors), intact, units[0].residual)


def drop_several(
    model: Module,
    x: Tensor,
    labels: np.ndarray,
    counts: Sequence[int] | None = None,
    trials: int = 5,
    generator: np.random.Generator | None = None,
) -> RandomLesions:
    """Measure the error without `counts` random units, in `trials` trials for each count.

    Raises: ValueError for other shapes, a count that is not from 0 to the number of units, or a
    model with nothing to leave out.
    """
    target = checked_batch("drop_several", x, labels)
    units = lesion_units(model, x, "drop_several")
    counts = range(len(units) + 1) if counts is None else counts
    if trials < 1 or not all(0 <= count <= len(units) for count in counts):
        raise ValueError(
            f"drop_several: counts={list(counts)} must be from 0 to {len(units)}, and "
            f"trials={trials} at least 1"
        )
    rng = generator or default_generator()
    errors = np.empty((len(counts), trials))
    for place in np.ndindex(errors.shape):
        chosen = rng.choice(len(units), counts[place[0]], replace=False)
        with without(units[i] for i in chosen):
            errors[place] = top1_error(model, x, target)
    intact = top1_error(model, x, target)
    return RandomLesions(np.array(counts), errors, intact, units[0].residual, reordered=False)


def reorder(
    model: Module,
    x: Tensor,
    labels: np.ndarray,
    swaps: Sequence[int] = (1, 2, 4, 8),
    trials: int = 5,
    generator: np.random.Generator | None = None,
) -> RandomLesions:
    """Measure the error after random swaps of two units of equal shapes, in several trials.

    sizes (K, T) of the result: Kendall's correlation of the new order with the original one, 1
    minus twice the fraction of pairs that changed order.

    Raises: ValueError for other shapes, or a model without two units that could be swapped.
    """
    target = checked_batch("reorder", x, labels)
    units = lesion_units(model, x, "reorder")
    kinds = [(type(u.module), u.input_shape, u.output_shape) for u in units]
    pairs = [
        (i, j) for j in range(len(units)) for i in range(j) if kinds[i] == kinds[j]
    ]  # a swap preserves every shape
    if not pairs:
        raise ValueError(f"reorder: {type(model).__name__} has no two units of the same shapes")
    rng = generator or default_generator()
    correlations, errors = np.empty((2, len(swaps), trials))
    for place in np.ndindex(errors.shape):
        order = np.arange(len(units))
        for _ in range(swaps[place[0]]):
            i, j = pairs[rng.integers(len(pairs))]
            order[[i, j]] = order[[j, i]]
        forwards = [units[k].module.forward for k in order]
        with ExitStack() as stack:
            for k in np.flatnonzero(order != np.arange(len(order))):
                stack.enter_context(replaced(units[k].module, forwards[k]))
            errors[place] = top1_error(model, x, target)
        correlations[place] = kendall(order)
    intact = top1_error(model, x, target)
    return RandomLesions(correlations, errors, intact, units[0].residual, reordered=True)


def kendall(order: np.ndarray) -> float:
    """Kendall's rank correlation of a permutation with the sorted order."""
    n = len(order)
    later = np.triu(np.ones((n, n), bool), 1)
    return 1 - 2 * ((order[:, None] > order[None, :]) & later).sum() / later.sum()
