"""What an ONNX file that we write says of its images and classes, in its metadata.

The note is JSON under the key NOTE: the names of the classes, the channels of an image, the steps
that make it the input, and the style of drawings. Other programs ignore it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..data import transforms
from .drawings import Style
from .input_transform import clipped, with_channels_reversed
from .trained import Trained

NOTE = "minitorch_cnn"
FUNCTIONS: dict[str, Callable[..., Any]] = {"clip": clipped, "reverse": with_channels_reversed}
CLASSES = {
    "resize": transforms.Resize,
    "crop": transforms.CenterCrop,
    "pad": transforms.Pad,
    "normalize": transforms.Normalize,
}
FIELDS = {
    "resize": ("size", "interpolation"),
    "crop": ("size",),
    "pad": ("padding",),
    "normalize": ("mean", "std"),
}


class Note(NamedTuple):
    """See `Trained`; classes and transform are None if the file does not tell."""

    classes: list[str] | None
    transform: transforms.Compose | None
    style: Style | None


def noted(trained: Trained) -> dict[str, str]:
    """The metadata of a model's file; without the steps of a transform that has others."""
    style = None if trained.style is None else list(trained.style)
    note = {"classes": trained.classes, "images": _steps(trained.transform), "style": style}
    return {NOTE: json.dumps(note)}


def note_in(metadata: Mapping[str, str]) -> Note:
    """What a file says. Raises: ValueError for a damaged note."""
    if NOTE not in metadata:
        return Note(None, None, None)
    try:
        note = json.loads(metadata[NOTE])
        steps, style, classes = note["images"], note["style"], note["classes"]
        return Note(
            None if classes is None else [str(name) for name in classes],
            None if steps is None else transforms.Compose([_step(*step) for step in steps]),
            None if style is None else Style(*style),
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"note_in: the file's note on its images is damaged: {error}") from None


def _steps(transform: Any) -> list[list[Any]] | None:
    """The steps of a Compose as JSON; None if one of them has no name here."""
    steps: list[list[Any]] = []
    for step in transform.transforms:
        name = next((name for name, each in FUNCTIONS.items() if step is each), None)
        if name is not None:
            steps.append([name])
            continue
        name = next((name for name, each in CLASSES.items() if type(step) is each), None)
        if name is None:
            return None
        values = [getattr(step, field) for field in FIELDS[name]]
        steps.append([name, *(getattr(value, "value", value) for value in values)])
    return steps


def _step(name: str, *values: Any) -> Any:
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    return CLASSES[name](*(tuple(v) if isinstance(v, list) else v for v in values))
