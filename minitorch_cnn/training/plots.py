"""Plots of a run: its curves, its confusion matrix, and the worst predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..figures import (
    BLUE,
    GREY,
    PLAIN,
    SHARES,
    SMALL,
    headline,
    label,
    log_ticks,
    name_ticks,
    new_figure,
    save_figure,
    shortened,
    show_image,
    whole_ticks,
)
from .class_names import caption
from .history import History
from .metrics import Predictions

MARKED = 20  # epochs up to which each epoch has a marker
NUMBERED = 30  # classes up to which the cells show numbers
WORST, WORST_MASKS = 40, 8
ROW, LETTER = 15.0, 0.092  # inches per row of images, and the approximate width of a letter

SAFE = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
KEY = "; above each its true and its predicted class, and the probability that each is given"
TRAIN_AND_TEST = (
    "training set: the mean over each epoch, in training mode (with augmented images and dropout, "
    "if any) while the weights change; test set: after it, in evaluation mode. So the error of the "
    "test set may be smaller"
)


def plot_curves(history: History, path: str | Path, run: str = "") -> None:
    """Plot the loss and, with classes, the error of every epoch, both on logarithmic scales.

    run: the model and data, for the title, as in the other plots.
    """
    error = "error of pixels" if "test_iou" in history[0] else "top-1 error"
    wanted = [("loss", "loss", 1), ("top1", f"{error} (%)", 100)]
    if "train_top1" not in history[0]:
        del wanted[1]
    figure = new_figure(max(5.0 * len(wanted) + 0.5, 7.2), 4.2)
    panels = figure.subplots(1, len(wanted), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    mark = "o" if len(epochs) <= MARKED else ""
    tested = "test_loss" in history[0]
    for axes, (name, quantity, factor) in zip(panels, wanted, strict=True):
        drawn = []
        for part, color in (("train", GREY), ("test", BLUE)):
            if f"{part}_{name}" in history[0]:
                values = [row[f"{part}_{name}"] for row in history]
                values = values if name == "loss" else [factor * (1 - value) for value in values]
                text = f"{part if part == 'test' else 'training'} set"
                axes.plot(epochs, values, color=color, label=text, marker=mark, markersize=4)
                drawn += values
        label(axes, "", "number of epochs", quantity, legend=True)
        whole_ticks(axes, epochs)
        _scale(axes, drawn, np.inf if factor == 1 else 103)
    headline(figure, _title(run, _result(history)), TRAIN_AND_TEST if tested else "")
    save_figure(figure, path)


def _result(history: History) -> str:
    count = f"{len(history)} epoch" + "s" * (len(history) > 1)
    part = "test" if "test_loss" in history[-1] else "train"
    if f"{part}_top1" in history[-1]:
        return f"{part} error {100 * (1 - history[-1][f'{part}_top1']):.2f}% after {count}"
    return f"{part} loss {history[-1][f'{part}_loss']:.4g} after {count}"


def _title(run: str, text: str) -> str:
    return f"{run}: {text}" if run else text[:1].upper() + text[1:]


def _scale(axes: Any, values: Sequence[float], most: float) -> None:
    """A logarithmic scale with round numbers up to `most`, from 0 on if the values include it."""
    known = [value for value in values if np.isfinite(value)]
    above = [value for value in known if value > 0]
    if not known:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not finite", ha="center", transform=axes.transAxes)
    elif not above:
        axes.set_ylim(-0.05, 1)
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    elif min(known) > 0:
        axes.set_yscale("log")
        # Nearly equal values would leave no space for round numbers.
        low, high = min(above), max(above)
        margin = max((high / low) ** 0.05, (1.6 * low / high) ** 0.5)
        axes.set_ylim(low / margin, min(high * margin, most))
        log_ticks(axes.yaxis)
    else:  # logarithmic down to the smallest value, linear to 0 below it
        low, high = min(above), max(above)
        axes.set_yscale("symlog", linthresh=low, linscale=0.5)
        axes.set_ylim(0, min(1.3 * high, most))
        log_ticks(axes.yaxis)


def plot_confusion(
    matrix: np.ndarray,
    classes: list[str],
    path: str | Path,
    percent: bool = False,
    run: str = "",
) -> None:
    """Plot how often each class (row) was predicted as each class (column).

    Cells show numbers if they fit. percent: whether the counts are of pixels; these, and numbers
    that are too long, are shown as shares of the row.
    """
    n = len(classes)
    names = [caption(name) for name in classes]
    below = 0.08 * max(map(len, map(shortened, names)))
    side = min(max(5.0, 0.5 * n), 20)
    figure = new_figure(side + below + 1.7, side + below + 0.7)
    axes = figure.subplots()
    shares = percent or matrix.max(initial=0) >= 10**5
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(100 * share, cmap=SHARES, vmin=0, vmax=100)
    figure.colorbar(drawn, ax=axes, label="share of the true class (%)", shrink=0.7)
    if n <= NUMBERED:
        for row, column in zip(*np.nonzero(matrix), strict=True):
            color = "white" if share[row, column] > 0.5 else "black"
            text = _percent(share[row, column]) if shares else str(matrix[row, column])
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=SMALL)
    label(axes, "", "predicted class", "true class")
    name_ticks(axes, names, side)
    places = axes.get_xticks().astype(int)
    axes.set_yticks(places, [shortened(names[k]) for k in places], fontsize=SMALL, **PLAIN)
    axes.margins(0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    headline(figure, _title(run, _confused(matrix, classes, percent)))
    save_figure(figure, path)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "<1%"


def _confused(matrix: np.ndarray, classes: list[str], percent: bool) -> str:
    """The number of wrong predictions, and the pair of classes confused most often."""
    total, wrong = matrix.sum(), matrix.sum() - np.trace(matrix)
    of = f"{wrong:,} of {total:,} images"
    of = f"{wrong / max(total, 1):.1%} of the pixels" if percent else of
    if not wrong:
        return f"none of the {total:,} {'pixels' if percent else 'images'} is wrong"
    others = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    row, column = np.unravel_index(others.argmax(), others.shape)
    most = f"{caption(classes[row])} is predicted as {caption(classes[column])}"
    return f"{of} are wrong; most often {most}"


def plot_worst(
    dataset: Any, predictions: Predictions, classes: list[str], path: str | Path, run: str = ""
) -> None:
    """Plot the misclassified images of `dataset`, at most 40.

    Worst first: those whose true class gets the lowest probability. Each shows its true and its
    predicted class, with the probabilities of both.
    """
    logits, labels = predictions
    z = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = z / z.sum(axis=1, keepdims=True)
    right, guesses = probabilities[np.arange(len(z)), labels], logits.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    worst = wrong[np.argsort(right[wrong], kind="stable")][:WORST]
    texts = [
        f"true: {_short(classes[labels[i]])}, {right[i]:.1%}\n"
        f"predicted: {_short(classes[guesses[i]])}, {probabilities[i, guesses[i]]:.1%}"
        for i in worst
    ]
    longest = max((len(line) for text in texts for line in text.split("\n")), default=0)
    width = max(1.6, LETTER * longest)
    columns = max(min(len(worst), int(ROW / width)), 1)
    rows = -(-len(worst) // columns)
    figure = new_figure(max(columns * width, 7.2), rows * 1.95 + 0.7)
    axes = figure.subplots(max(rows, 1), columns, squeeze=False).ravel()
    for place, i, text in zip(axes, worst, texts, strict=False):
        show_image(place, dataset[int(i)][0])
        place.set_title(text, loc="center", fontsize=SMALL, **PLAIN)
    for place in axes:
        place.axis("off")
    said = f"{len(wrong)} of {len(labels)} images are wrong"
    if not len(wrong):
        said = f"none of {len(labels)} images is wrong"
    elif len(worst) < len(wrong):
        said += f", these {len(worst)} most of all"
    headline(figure, _title(run, said + KEY * bool(len(worst))))
    save_figure(figure, path)


def _short(name: str) -> str:
    return shortened(caption(name), 16)


def plot_worst_masks(
    dataset: Any,
    predicted: np.ndarray,
    masks: np.ndarray,
    classes: list[str],
    path: str | Path,
    run: str = "",
) -> None:
    """Plot the 8 images of `dataset` with the most wrong pixels, worst first, above their masks.

    predicted, masks (N, H, W). Below each image are its true and its predicted mask; colours are
    `class_colours`, and pixels of no class are white. Images without a wrong pixel are omitted.
    """
    from matplotlib.patches import Patch

    known = (masks >= 0) & (masks < len(classes))
    wrong = ((predicted != masks) & known).mean((1, 2))
    worst = np.argsort(-wrong, kind="stable")[: min(WORST_MASKS, np.count_nonzero(wrong))]
    colours = class_colours(len(classes))
    figure = new_figure(max(1.5 * len(worst) + 2.5, 7.2), 5.6)
    axes = figure.subplots(3, max(len(worst), 1), squeeze=False)
    for place in axes.ravel():
        place.set(xticks=[], yticks=[])
        place.spines[:].set_visible(len(worst) > 0)
    for column, i in zip(axes.T, worst, strict=False):
        show_image(column[0], dataset[int(i)][0], f"{wrong[i]:.1%} wrong")
        truth = np.where(known[i, :, :, None], colours[masks[i] * known[i]], 255)
        column[1].imshow(truth.astype(np.uint8))
        column[2].imshow(colours[predicted[i]])
    if len(worst):
        for row, title in zip(axes, ("image", "true classes", "predicted classes"), strict=True):
            row[0].set_ylabel(title, fontsize=SMALL)
    named = zip(colours / 255, classes, strict=True)
    marks = [
        Patch(facecolor=colour, edgecolor=GREY, label=f" {caption(name)}") for colour, name in named
    ]
    settings = {"loc": "outside right center", "frameon": False}
    legend = figure.legend(handles=marks, ncols=-(-len(marks) // 24), **settings)
    for text in legend.get_texts():
        text.set(**PLAIN)
    said = f"{np.count_nonzero(wrong)} of {len(masks)} images have wrong pixels"
    if len(worst) < np.count_nonzero(wrong):
        said += f", these {len(worst)} have most"
    headline(figure, _title(run, said))
    save_figure(figure, path)


def class_colours(num_classes: int) -> np.ndarray:
    """A colour for each class of a mask, (K, 3) uint8, black for the first.

    The eight colours are distinguishable with most kinds of colour blindness (M. Okabe, K. Ito
    (2008), "Color universal design"); further classes repeat them, alternately darker and lighter.
    """
    more = max(0, num_classes - len(SAFE))
    hues, rounds = len(SAFE) - 1, -(-more // (len(SAFE) - 1))
    colours = np.array(SAFE, float)[:num_classes]
    for k in range(more):
        turn = k // hues + 1
        strength = 0.6 * -(-turn // 2) / -(-rounds // 2)
        toward = 0 if turn % 2 else 255
        colour = np.array(SAFE[1 + k % hues], float)
        colours = np.vstack([colours, colour + strength * (toward - colour)])
    return np.rint(colours).astype(np.uint8)
