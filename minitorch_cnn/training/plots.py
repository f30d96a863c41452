"""Pictures of a run: its curves, its confusions, and the images it got most wrong.

Matplotlib is imported on first use, without pyplot: no window, no state shared with the caller.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np

from ..interop import write_atomically
from .class_names import caption
from .history import History
from .metrics import Predictions

PLAIN = {"parse_math": False}  # of text that is a user's: a $ in it is no formula
TRAIN, TEST = "#8a8f98", "#1f5fbf"


def plot_curves(history: History, path: str | Path) -> None:
    """Loss and, of classes, error of every epoch, both on logarithmic scales."""
    wanted = [("loss", "loss"), ("top1", "error (top-1, %)")]
    if "train_top1" not in history[0]:
        del wanted[1]
    figure = new_figure(4.5 * len(wanted), 3.6)
    panels = figure.subplots(1, len(wanted), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    for axes, (name, title) in zip(panels, wanted, strict=True):
        drawn = []
        for part, color in (("train", TRAIN), ("test", TEST)):
            if f"{part}_{name}" in history[0]:
                values = [row[f"{part}_{name}"] for row in history]
                values = values if name == "loss" else [100 * (1 - value) for value in values]
                axes.plot(epochs, values, color=color, label=part)
                drawn += values
        if min(drawn) > 0:
            axes.set_yscale("log")
        elif max(drawn) > 0:  # like log down to the smallest value, below it a part for 0
            axes.set_yscale("symlog", linthresh=min(value for value in drawn if value > 0))
        axes.set_title(title, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    save_figure(figure, path)


def plot_confusion(
    matrix: np.ndarray, classes: list[str], path: str | Path, percent: bool = False
) -> None:
    """How often each class (row) was taken for each class (column), as numbers if they fit.

    percent: whether as shares of the row, for numbers that are too long.
    """
    n = len(classes)
    side = min(max(4.0, 0.5 * n), 20)
    figure = new_figure(side, side)
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if n <= 30:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            color = "white" if share[row, column] > 0.5 else "black"
            text = f"{share[row, column]:.0%}" if percent else str(matrix[row, column])
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
        names = [caption(name) for name in classes]
        turned = {"rotation": 90 if max(map(len, names)) > 2 else 0}
        axes.set_xticks(range(n), names, **PLAIN, **turned)
        axes.set_yticks(range(n), names, **PLAIN)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
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
        show_image(place, dataset[int(i)][0])
        guess, label = logits[i].argmax(), labels[i]
        color = "black" if guess == label else "#b3261e"
        text = f"{caption(classes[guess])}, is {caption(classes[label])}\n{right[i]:.1%}"
        place.set_title(text, fontsize=8, color=color, **PLAIN)
    for place in axes:
        place.axis("off")
    save_figure(figure, path)


def plot_worst_masks(
    dataset, predicted: np.ndarray, masks: np.ndarray, classes: list[str], path: str | Path
) -> None:
    """The 8 images of `dataset` with most pixels wrong, worst first, above their masks.

    predicted, masks (N, H, W). Below each image what it is, then what it is taken for; colours are
    `class_colours`, pixels that are no class white.
    """
    known = (masks >= 0) & (masks < len(classes))
    wrong = ((predicted != masks) & known).mean((1, 2))
    worst = np.argsort(-wrong, kind="stable")[:8]
    colours = class_colours(len(classes))
    figure = new_figure(1.4 * len(worst) + 1.5, 4.8)
    axes = figure.subplots(3, len(worst), squeeze=False)
    for column, i in zip(axes.T, worst, strict=True):
        show_image(column[0], dataset[int(i)][0])
        column[0].set_title(f"{wrong[i]:.1%} wrong", fontsize=8)
        truth = np.where(known[i, :, :, None], colours[masks[i] * known[i]], 255)
        column[1].imshow(truth.astype(np.uint8))
        column[2].imshow(colours[predicted[i]])
    for row, title in zip(axes, ("image", "true classes", "predicted classes"), strict=True):
        row[0].set_ylabel(title)
    for place in axes.ravel():
        place.set(xticks=[], yticks=[])
    from matplotlib.patches import Patch

    named = zip(colours / 255, classes, strict=True)
    marks = [Patch(color=colour, label=f" {caption(name)}") for colour, name in named]
    legend = figure.legend(handles=marks, loc="outside right center", frameon=False, fontsize=8)
    for text in legend.get_texts():
        text.set(**PLAIN)
    save_figure(figure, path)


def class_colours(num_classes: int) -> np.ndarray:
    """A colour for each class of a mask, (K, 3) uint8: black for the first, hues for the others."""
    hues = np.arange(num_classes - 1) / max(num_classes - 1, 1)
    waves = np.abs((6 * hues[:, None] + np.array([0, 4, 2])) % 6 - 3) - 1  # red, green, blue
    colours = 64 + 191 * np.clip(waves, 0, 1)
    return np.rint(np.concatenate([np.zeros((1, 3)), colours])).astype(np.uint8)


def show_image(place, image: np.ndarray) -> None:
    """An input (C, H, W) on axes, from its smallest value to its largest."""
    low, high = image.min(), image.max()
    pixels = ((image - low) / (high - low or 1)).transpose(1, 2, 0)
    place.imshow(pixels.squeeze(), cmap="gray")


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
    """Write a figure as PNG, also where the font lacks letters or long names leave little space."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(content, format="png", dpi=120)
    write_atomically(path, content.getvalue())
