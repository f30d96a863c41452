"""Pictures of a run: its curves, its confusions, and the images it got most wrong.

Matplotlib is imported on first use, without pyplot: no window, no state shared with the caller.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ..interop import write_atomically
from .history import History
from .metrics import Predictions

TRAIN, TEST = "#8a8f98", "#1f5fbf"


def plot_curves(history: History, path: str | Path) -> None:
    """Loss and error of every epoch, both on logarithmic scales."""
    figure = new_figure(9, 3.6)
    loss, error = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for axes, name, title in ((loss, "loss", "loss"), (error, "top1", "error (top-1, %)")):
        drawn = []
        for part, color in (("train", TRAIN), ("test", TEST)):
            if f"{part}_{name}" in history[0]:
                values = [row[f"{part}_{name}"] for row in history]
                values = values if name == "loss" else [100 * (1 - value) for value in values]
                axes.plot(epochs, values, color=color, label=part)
                drawn += values
        if min(drawn) > 0:
            axes.set_yscale("log")
        elif max(drawn) > 0:  # like log down to the smallest value, below it room for 0
            axes.set_yscale("symlog", linthresh=min(value for value in drawn if value > 0))
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    save_figure(figure, path)


def plot_confusion(matrix: np.ndarray, classes: list[str], path: str | Path) -> None:
    """How often each class (row) was taken for each class (column), as numbers if they fit."""
    n = len(classes)
    side = min(max(4.0, 0.5 * n), 20)
    figure = new_figure(side, side)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if n <= 30:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            color = "white" if share[row, column] > 0.5 else "black"
            text = str(matrix[row, column])
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
        axes.set_xticks(range(n), classes, rotation=90 if max(map(len, classes)) > 2 else 0)
        axes.set_yticks(range(n), classes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    axes.spines[:].set_visible(False)
    save_figure(figure, path)


def plot_worst(dataset, predictions: Predictions, classes: list[str], path: str | Path) -> None:
    """The 40 images of `dataset` to whose label the model gave the least probability, worst first.

    Each has the class it is taken for, the class it is, and the probability of the latter.
    """
    logits, labels = predictions
    z = logits - logits.max(axis=1, keepdims=True)
    right = np.exp(z[np.arange(len(z)), labels]) / np.exp(z).sum(axis=1)
    worst = np.argsort(right, kind="stable")[:40]
    columns = 8
    rows = -(-len(worst) // columns)
    figure = new_figure(columns * 1.3, rows * 1.6)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, i in zip(axes, worst, strict=False):
        image = dataset[int(i)][0]
        low, high = image.min(), image.max()
        pixels = ((image - low) / (high - low or 1)).transpose(1, 2, 0)
        place.imshow(pixels.squeeze(), cmap="gray")
        guess, label = classes[logits[i].argmax()], classes[labels[i]]
        color = "black" if guess == label else "#b3261e"
        place.set_title(f"{guess}, is {label}\n{right[i]:.1%}", fontsize=8, color=color)
    for place in axes:
        place.axis("off")
    save_figure(figure, path)


def new_figure(width: float, height: float):
    """An empty figure of so many inches.

    Raises: ImportError without Matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots: needs Matplotlib (pip install matplotlib)") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure, path: str | Path) -> None:
    """Write a figure as PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_atomically(path, content.getvalue())
