"""How the figures of the analyses look. Matplotlib is imported on first use, without pyplot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, TEAL, PURPLE, RED = (
    "#1f5fbf",
    "#d9822b",
    "#8a8f98",
    "#2a8f86",
    "#7a5aa6",
    "#b3261e",
)
COLORS = (BLUE, ORANGE, TEAL, PURPLE, RED, GREY)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches.

    Raises: ImportError without Matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plot: needs Matplotlib (pip install matplotlib)") from error
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def axes_or_new(ax: Axes | None, width: float = 6.4, height: float = 4.0) -> Axes:
    """The caller's axes, or those of a new figure."""
    return new_figure(width, height).subplots() if ax is None else ax


def label(ax: Axes, title: str, x: str = "", y: str = "", legend: bool = False) -> None:
    """Title, names of the axes with their units, and a frame reduced to what is read."""
    ax.set_title(title, loc="left", fontsize="medium", fontweight="bold")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize="small")


def name_ticks(ax: Axes, names: Sequence[str], most: int = 40) -> None:
    """The names along the x axis, upright; of many every few."""
    step = -(-len(names) // most)
    places = range(0, len(names), step)
    ax.set_xticks(places, [names[i] for i in places], rotation=90, fontsize="x-small")


def show_image(ax: Axes, image: np.ndarray, title: str = "", **settings) -> None:
    """An image (C, H, W) or (H, W) from its smallest value to its largest, without ticks."""
    if image.ndim == 3:
        image = image.transpose(1, 2, 0) if image.shape[0] == 3 else image.mean(0)
    if image.ndim == 3:
        low, high = image.min(), image.max()
        image = (image - low) / ((high - low) or 1)
    ax.imshow(image, **{"cmap": "gray", **settings})
    ax.set_title(title, fontsize="small")
    ax.set(xticks=[], yticks=[])


def image_grid(rows: int, columns: int, side: float = 1.3, extra: float = 0.5):
    """A new figure and its axes (rows, columns), all of them without frames."""
    figure = new_figure(max(columns * side, 4.2), rows * (side + 0.15) + extra)
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.ravel():
        ax.set_axis_off()
    return figure, grid


def headline(figure: Figure, text: str) -> None:
    """The title of a figure of many axes."""
    figure.suptitle(text, x=0.01, ha="left", fontsize="medium", fontweight="bold")
