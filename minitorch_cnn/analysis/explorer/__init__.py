"""The explorer: a network as one page to click through, which needs no network to view.

The page has three parts. The layers as a graph (graph.js): what each costs, and which part of the
image an output of it sees. What each of them makes of a digit (maps.js). A convolution to play with
(convolution.js): the window, its column of the im2col matrix, and the product.
"""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from pathlib import Path

import numpy as np

from ...interop import write_atomically
from ...nn import Module
from .layout import layout
from .maps import outputs_of, packed, within_budget
from .network import Box, boxes

__all__ = ["Box", "boxes", "explore", "layout"]

SCRIPTS = ("graph.js", "maps.js", "convolution.js")


def explore(
    model: Module,
    images: np.ndarray,
    labels: list[str],
    digits: np.ndarray,
    path: str | Path,
    name: str,
    classes: list[str] | None = None,
) -> None:
    """Write the page of `model` to the file `path`.

    images (N, C, H, W): as the model takes them; labels: a word for each. digits (N, 8, 8): small
    whole numbers for the convolution to play with. name: the page's title. classes: names of the
    model's outputs, their numbers by default.

    Raises: ValueError unless there are as many labels and digits as images, at least one; OSError
    naming the file if it cannot be written.
    """
    if not len(images) == len(labels) == len(digits) > 0:
        raise ValueError(
            f"explore: there are {len(images)} images, {len(labels)} labels and {len(digits)} "
            "digits; it must be as many of each, and at least one"
        )
    found = boxes(model, images.shape[1:])
    outputs, answer = outputs_of(model, images)
    maps = iter([packed(y) for y in within_budget(outputs)])
    places = layout([box.sources for box in found])
    data = {
        "name": name,
        "boxes": [
            _described(box, place) | ({"maps": next(maps)} if box.kind == "layer" else {})
            for box, place in zip(found, places, strict=True)
        ],
        "images": {"labels": labels, **packed(images.mean(1))},
        "answers": _answers(answer, classes),
        "digits": digits.astype(int).tolist(),
    }
    write_atomically(path, page(data))


def page(data: dict) -> str:
    """The HTML of a page with `data`, its style and its scripts inside."""
    files = resources.files(__package__)
    names = "page.html", "page.css", *SCRIPTS
    text = {name: files.joinpath(name).read_text("utf-8") for name in names}
    # In HTML "</script>" ends a script, within a string too.
    content = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    parts = {
        "TITLE": escape(data["name"]),
        "STYLE": text["page.css"],
        "DATA": content,
        "SCRIPT": "\n".join(text[name] for name in SCRIPTS),
    }
    html = text["page.html"]
    for key, value in parts.items():
        html = html.replace(f"<!--{key}-->", value)
    return html


def _described(box: Box, place: tuple[float, int]) -> dict:
    told = box._asdict() | {"column": place[0], "row": place[1]}
    told["field"] = box.field and box.field._asdict()
    return told


def _answers(answer: np.ndarray, classes: list[str] | None) -> list[list] | None:
    """The five likeliest classes of each image with their probabilities; None for masks."""
    if answer.ndim != 2:
        return None
    names = classes or [str(k) for k in range(answer.shape[1])]
    odds = np.exp(answer - answer.max(1, keepdims=True), dtype=np.float64)
    shares = odds / odds.sum(1, keepdims=True)
    best = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    return [
        [[names[k], float(f"{row[k]:.4g}")] for k in order]
        for row, order in zip(shares, best, strict=True)
    ]
