"""Make a run's parts from its description, and the description from names and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..models import Entry, model_entry
from ..models.registry import build_entry
from ..nn import Module
from .class_names import difference
from .drawings import style_of
from .recipes import recipe
from .run_config import RunConfig
from .sources import COLOURED, PHOTOGRAPHS, Source, load_source, native_size, parts_of
from .weights import colours_of

STYLE_IMAGES = 200  # inspected to measure the common style of drawings


def make_config(
    model: str,
    data: str = "digits",
    path: str | None = None,
    *,
    model_settings: dict[str, Any] | None = None,
    size: int | None = None,
    start: str | None = None,
    weights: str | None = None,
    test_path: str | None = None,
    seed: int = 0,
    **changes: Any,
) -> RunConfig:
    """Make the description of a run, for `train_run`.

    model: a registered name, or "FILE.py:NAME" (see `create_model`); the run keeps a copy of the
    file.
    model_settings: those of `create_model`, except num_classes and in_channels, which the data set
    determines.
    size: height and width of the model's input in pixels; by default the published input size, or
    the size of the data for a net of your own.
    start: the folder of a finished run of the recipe's `pretrain`, whose weights are copied first.
    weights: a file of initial weights for the model. Its classifier is used only if the number of
    classes agrees (see `load_weights`). Colours are then scaled as the file says if a run wrote it,
    else as the model's published weights expect if there are any, and not as the recipe says.
    test_path: a folder of separate images to test on, for the data set "folder".
    changes: fields of the model's `Recipe` to replace, such as epochs=5. The default recipe is the
    paper's for photographs and the small one for other data.

    If model_settings switches auxiliary heads off, or on where the recipe has none, the recipe's
    weight of their losses is set to 0, or to the 0.3 of most papers.
    For a readable folder the description records the classes and the image names of both parts, so
    training images never become test images, even if the folder changes.

    Raises: KeyError for an unknown model, with the nearest one; TypeError for an unknown field;
    ValueError for a start that the recipe does not have, a start together with weights, or settings
    that follow from the data.
    """
    entry = model_entry(model)
    model_settings = model_settings or {}
    for name in ("num_classes", "in_channels"):
        if name in model_settings:
            raise ValueError(f"make_config: {name} follows from the data and cannot be set")
    chosen = recipe(model, small=data not in PHOTOGRAPHS)
    if weights is not None:
        colours = colours_of(model, bool(model_settings.get("transform_input")), weights)
        if colours and (data in COLOURED or len(colours["mean"]) == 1):
            chosen = replace(chosen, **colours)
    chosen = replace(chosen, **changes)
    if "aux" in model_settings and bool(chosen.auxiliary) != bool(model_settings["aux"]):
        chosen = replace(chosen, auxiliary=0.3 if model_settings["aux"] else 0.0)
    if start is not None and weights is not None:
        raise ValueError("make_config: start and weights cannot both be given")
    if start is not None and chosen.pretrain is None:
        raise ValueError(f"make_config: start={start!r} is not for {model}, which starts anew")
    config = RunConfig(
        model=entry.name,
        model_settings=model_settings,
        data=data,
        path=path,
        test_path=test_path,
        size=size
        or (entry.input_shape[1] if entry.input_shape else native_size(data, path, test_path)),
        start=start,
        weights=weights,
        seed=seed,
        recipe=chosen,
        net=None if entry.file is None else entry.file.source(),
    )
    if data == "folder" and path is not None and Path(path).is_dir():
        config = described(config, source_of(config))
    return config


def described(config: RunConfig, source: Source) -> RunConfig:
    """The description with the data's classes and channels, and the contents of the two parts."""
    parts = config.parts or parts_of(config.data, source)
    return replace(config, classes=source.classes, channels=source.channels, parts=parts)


def with_style(config: RunConfig) -> RunConfig:
    """The description with the style of the training images if they are grey drawings on a plain
    background.
    """
    if config.of_pixels:
        return config
    data = source_of(config, unchanged).train
    chosen = np.linspace(0, len(data) - 1, min(len(data), STYLE_IMAGES)).astype(int)
    return replace(config, style=style_of(data[i][0] for i in chosen.tolist()))


def unchanged(image: np.ndarray) -> np.ndarray:
    return image


def source_of(config: RunConfig, transform: Callable | None = None) -> Source:
    """Load the data of a run; `transform` replaces the recipe's transforms of both parts.

    Raises: ValueError if the classes or array files differ from those the run began with;
    whatever `load_source` raises.
    """
    recipe, size = config.recipe, config.input_size
    transforms: Any = (transform, transform)
    if transform is None:
        transforms = (recipe.transform(size, train=True), recipe.transform(size, train=False))
    source = load_source(
        config.data,
        config.path,
        recipe.content or config.size,
        transforms,
        config.of_pixels,
        test_path=config.test_path,
        parts=config.parts,
    )
    before = config.classes or source.classes
    if before != source.classes:
        raise ValueError(
            f"load_source: {config.path or config.data} no longer has the classes of the "
            f"run: {difference(before, source.classes)}"
        )
    return source


def make_model(config: RunConfig) -> Module:
    """The model of a run, with freshly initialised weights."""
    entry = config.entry()
    data = {"num_classes": len(config.classes or ()), "in_channels": config.channels}
    data = {name: value for name, value in data.items() if entry.takes(name)}
    heads = {"aux": True} if config.recipe.auxiliary else {}
    return build_model(entry, {**config.model_settings, **heads, **data})


def build_model(entry: Entry, settings: dict[str, Any]) -> Module:
    """Build a model with the user's settings.

    Raises: ValueError for settings that the model does not have or that do not fit it.
    """
    try:
        return build_entry(entry, settings)
    except (TypeError, LookupError, ArithmeticError, AttributeError) as error:
        if isinstance(error, TypeError) and str(error).startswith("create_model: "):
            raise ValueError(str(error)) from None
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        text = f"create_model: {entry.name} cannot be made with {given}: {error}"
        raise ValueError(text) from error
