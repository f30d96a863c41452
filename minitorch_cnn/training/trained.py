"""A trained model with its preprocessing and class names, from a run or a weights file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..autograd import no_grad
from ..data.datasets import read_image
from ..models import model_entry
from ..nn import Module
from ..tensor import zeros
from .drawings import Style, in_style
from .input_transform import Preprocessing
from .run import Run
from .weights import load_weights, preprocessing


class Trained(NamedTuple):
    """A model in evaluation mode, the names of its classes, and the transform of its images.

    classes: None if they have no names; channels: of the images that `transform` takes; of_pixels:
    whether it labels every pixel; style: the common style of its training images if they are
    drawings, None for other images.
    """

    name: str
    model: Module
    classes: list[str] | None
    channels: int
    transform: Callable[[np.ndarray], np.ndarray]
    of_pixels: bool
    style: Style | None = None


class Prepared(NamedTuple):
    """x (C, H, W): a model's input; image (C, H, W): the picture it was made from; said: a
    description of the changes to the picture, or "".
    """

    x: np.ndarray
    image: np.ndarray
    said: str


def of_run(run: Run) -> Trained:
    """Take the model of a finished run."""
    name, classes = run.config.model, run.classes
    return Trained(name, run.model, classes, run.channels, run.transform, run.of_pixels, run.style)


def with_weights(
    name: str,
    model: Module,
    weights: str | Path,
    shape: tuple[int, int, int],
    classes: Sequence[str] | None = None,
    *,
    transform_input: bool = False,
    resize: int | None = None,
    crop: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Trained:
    """Make a model by name (see `create_model`) and load its weights from a file.

    shape: (C, H, W) of the images that it takes. resize, crop, mean and std default to those of the
    published weights or of the file (see `preprocessing`); classes without names are numbered.

    Raises: ValueError for weights that do not fit, or if the number of names differs from the
    number of the model's outputs.
    """
    entry = model_entry(name)
    load_weights(model, weights)
    channels, side, _ = shape
    usual = preprocessing(name, transform_input, weights, (channels, side))
    chosen = _changed(usual, resize, crop, mean, std)
    size = chosen.crop
    try:
        with no_grad():
            count = model(zeros(1 if entry.own else 0, channels, size, size)).shape[1]
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"with_weights: {name} cannot take images of {size} x {size}: {error}"
        ) from error
    if classes is not None and len(classes) != count:
        raise ValueError(
            f"with_weights: {entry.name} has {count} outputs, but there are names of "
            f"{len(classes)} classes"
        )
    names = [f"class {i}" for i in range(count)] if classes is None else list(classes)
    return Trained(entry.name, model, names, channels, chosen.transform(), entry.of_pixels)


def _changed(usual: Preprocessing, resize, crop, mean, std) -> Preprocessing:
    """The default preprocessing of weights, with the given values replaced."""
    size = crop or usual.crop
    if resize is None:
        resize = usual.resize if crop is None else max(crop, usual.resize)
    given = {name: tuple(v) for name, v in (("mean", mean), ("std", std)) if v is not None}
    return replace(usual, resize=resize, crop=size, **given)


def prepare(
    path: str | Path, trained: Trained, *, invert: bool = False, as_is: bool = False
) -> Prepared:
    """Read an image file as the model's input; a drawing is adapted to the training images.

    invert: exchange dark and light whatever the background; as_is: leave drawings unchanged.

    Raises: as `read_image`.
    """
    image, said = read_image(path, trained.channels), ""
    if invert:
        image = 1 - image
    if trained.style is not None and not as_is:
        image, said = in_style(image, trained.style, invert=not invert)
    return Prepared(trained.transform(image), image, said)
