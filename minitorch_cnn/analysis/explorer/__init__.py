"""The explorer: a network as one page to click through, which needs no network to view.

The page has four parts. The layers as a graph (graph.js), in which modules can be folded (fold.js)
and which can be searched and enlarged (view.js). The details of one layer: its cost (facts.js), the
receptive field of an output and the layer's output for a digit (maps.js), computed anew for the
digit moved or partly hidden (run.js, on engine/*.js), and its weights (weights.js). The operators
before and after each pass of the compiler (passes.js). A convolution to play with (convolution.js):
the window, its kernel, its column of the im2col matrix, and the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from ...data.datasets import Digits
from ...data.transforms import resize
from ...interop import write_atomically
from ...models import model_entry
from ...models.registry import build_entry
from ...nn import Module
from ...tensor import Tensor
from ..image_shapes import image_shape
from ..trace import Shape, trace
from .html import assembled
from .live import ENGINE, live_page
from .maps import outputs_of, packed, rounded
from .network import Box, boxes, boxes_of
from .passes import stages
from .weights import weights_of

__all__ = ["Box", "boxes", "explore"]

UNTRAINED = "untrained weights"
MULTIPLY_ADDS = 300_000_000_000  # of all images of a page, unless it is asked for more
SCRIPTS = ENGINE + tuple(
    f"explorer/{name}.js"
    for name in (
        *("page", "fold", "graph", "view", "facts"),
        *("closeup", "weights", "maps", "run", "passes", "convolution", "start"),
    )
)


def explore(
    model: Module | str,
    image: Tensor | np.ndarray | None = None,
    out: str | Path = "explore.html",
    *,
    labels: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    name: str | None = None,
    note: str | None = None,
    digits: np.ndarray | None = None,
) -> Path:
    """Write the page of `model` to the file `out`, and return its path. The model stays as it is.

    model: a Module, which is looked at in evaluation mode, or a name (see `create_model`).
    image: (C, H, W), or several (N, C, H, W), as the model takes them; by default the ten digits of
    the package, in the size that `image_shape` finds; of a net of tens of billions of multiply-adds
    only the first of them. labels: a word for each. classes: names of
    the model's outputs, their numbers by default. name: the page's title, by default the model's
    class. note: a line under it, for a name by default that its weights are untrained. digits
    (N, 8, 8): small whole numbers for the convolution to play with, by default made of the images.

    Raises: ValueError for images of another shape, unless there are as many labels and digits as
    images, at least one, or for a net whose layers do not hand on tensors; what the model raises;
    OSError naming the file if it cannot be written.

        mt.analysis.explore(net)
    """
    if isinstance(model, str):
        entry, title = model_entry(model), model
        model, shape = build_entry(entry, {}), entry.input_shape
        name, note = name or title, UNTRAINED if note is None else note
    elif isinstance(model, Module):
        shape = None
    else:
        raise TypeError(f"explore: model must be a Module or a name, got {type(model).__name__}")
    if image is None:
        shape = shape or image_shape(model)
        run = trace(model, shape, "explore")
        found = boxes_of(model, run, shape)
        kind, digits = "digit", first_digits() if digits is None else digits
        digits = digits[: affordable(sum(box.multiply_adds for box in found))]
        images = _digits_of(shape, digits)
        labels = [str(k) for k in range(len(digits))] if labels is None else labels
    else:
        kind, images = "image", _images(image)
        run = found = None
        labels = [f"image {k + 1}" for k in range(len(images))] if labels is None else labels
        if digits is None:
            digits = np.stack([_small(x) for x in images]) if len(images) else images
        else:
            kind = "digit"
    if not len(images) == len(labels) == len(digits) > 0:
        raise ValueError(
            f"explore: there are {len(images)} images, {len(labels)} labels and {len(digits)} "
            "digits; it must be as many of each, and at least one"
        )
    kept = next((p.array.dtype for p in model.parameters()), np.float32)
    images = images.astype(kept, copy=False)
    if run is None or found is None:
        run = trace(model, images.shape[1:], "explore")
        found = boxes_of(model, run, images.shape[1:])
    wanted = {box.value: box.output_shape for box in found[1:]}
    outputs, answer = outputs_of(run, images, wanted)
    data = {
        "name": name or type(model).__name__,
        "note": note or "",
        "kind": kind,
        "boxes": [_described(box, outputs) for box in found],
        "images": {"labels": list(labels), **packed(images.mean(1))},
        "answers": _answers(answer, classes),
        "digits": digits.astype(int).tolist(),
        "passes": stages(model, images.shape[1:]),
        "live": live_page(model, images, sum(box.multiply_adds for box in found)),
        "classes": list(classes) if classes else None,
    }
    write_atomically(out, page(data))
    return Path(out)


def affordable(multiply_adds: int) -> int:
    """How many images that cost so much each a page is made of in some seconds, at least one."""
    return max(MULTIPLY_ADDS // max(multiply_adds, 1), 1)


def first_digits() -> np.ndarray:
    """The first digit of each kind of those of the package: (10, 8, 8), from 0 to 16."""
    digits = Digits(train=False)
    first = [int(np.flatnonzero(digits.labels == digit)[0]) for digit in range(10)]
    return np.rint(16 * digits.images[first, 0])


def _digits_of(shape: Shape, digits: np.ndarray) -> np.ndarray:
    """The digits as images (N, C, H, W)."""
    images = resize((digits / 16).astype(np.float32)[:, None], (shape[1], shape[2]))
    return np.repeat(images, shape[0], axis=1)


def _images(image: Tensor | np.ndarray) -> np.ndarray:
    images = image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"explore: image of shape {images.shape} must be (C, H, W), or several (N, C, H, W)"
        )
    images = images if images.ndim == 4 else images[None]
    return images


def _small(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) in 8 x 8 whole numbers from 0 to 16."""
    grey = resize(image.mean(0)[None].astype(np.float32), (8, 8))[0]
    grey = grey - grey.min()
    return np.rint(16 * grey / (grey.max() or 1))


def page(data: dict) -> str:
    """The HTML of a page with `data`, its style and its scripts inside."""
    words = {
        "TITLE": escape(data["name"]),
        "NOTE": escape(data.get("note", "")),
        "KIND": data.get("kind", "digit"),
        "SUBJECT": "the network",
    }
    return assembled("explorer/page.html", ["explorer/page.css"], SCRIPTS, data, words)


def _described(box: Box, outputs: dict[str, np.ndarray]) -> dict:
    told = box._asdict()
    told["field"] = box.field and box.field._asdict()
    del told["module"]
    if box.module and (weights := weights_of(box.module)):
        told["weights"] = weights
    if box.value in outputs:
        told["maps"] = packed(outputs[box.value])
    return told


def _answers(answer: np.ndarray, classes: Sequence[str] | None) -> list[list] | None:
    """The five likeliest classes of each image with their probabilities; None for masks."""
    if answer.ndim != 2:
        return None
    names = classes or [str(k) for k in range(answer.shape[1])]
    odds = np.exp(answer - answer.max(1, keepdims=True), dtype=np.float64)
    shares = odds / odds.sum(1, keepdims=True)
    best = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    return [
        [[names[k], rounded(row[k])] for k in order]
        for row, order in zip(shares, best, strict=True)
    ]
