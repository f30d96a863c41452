"""What a run is made of, as config.json says it: model, data, recipe, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import functional as F
from ..models import Entry, model_entry
from ..models.net_file import NetFileError, find_net, kept_net
from ..models.registry import build_entry, file_entry
from ..nn import Module
from ..spelling import nearest_path
from .class_names import difference
from .config_checks import check_folder, check_net, check_recipe, check_style
from .drawings import style_of
from .recipes import Recipe, recipe
from .sources import COLOURED, PHOTOGRAPHS, Source, load_source, native_size, parts_of
from .weights import colours_of

TEST_BATCH = 256
STYLE_IMAGES = 200  # that are looked at for what drawings have in common


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
    **changes,
) -> dict[str, Any]:
    """The description of a run, which JSON can hold: `train_run` takes it.

    model: a registered name, or "FILE.py:NAME" (see `create_model`), whose file a run keeps a copy
    of.
    model_settings: of `create_model`, besides num_classes and in_channels, which the data set.
    size: pixels a side of the model's input, None for those it was published for, or those of the
    data for a net of one's own.
    start: the folder of a finished run of the recipe's `pretrain`, whose weights are copied first.
    weights: a file of the model's weights to begin with, its classifier only if the classes are as
    many (see `load_weights`). Colours are then scaled as the file says, if a run has written it,
    or as the model's published weights expect, if there are any, and not as the recipe says.
    test_path: a folder of other images to test with, for the data set "folder".
    changes: fields of the model's `Recipe` to replace, as epochs=5. The recipe is the paper's for
    photographs, and the small one for other data.

    Auxiliary heads that model_settings switch off, or on where the recipe has none, set the
    recipe's weight of their losses: to 0, or to the 0.3 of most papers.

    Of a folder that can be read the classes and the names of the images in both parts are recorded,
    so that what is learned from is never tested with, whatever becomes of the folder.

    Raises: KeyError for an unknown model, with the nearest one; TypeError for an unknown field;
    ValueError for a start that the recipe does not have, a start and weights, or settings that
    follow from the data.
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
    config = {
        "model": entry.name,
        "model_settings": model_settings,
        "data": data,
        "path": path,
        "test_path": test_path,
        "size": size or (entry.input_shape or (0, 0))[1],
        "start": start,
        "weights": weights,
        "seed": seed,
        "recipe": asdict(chosen),
    }
    if entry.file is not None:
        config["net"] = {**entry.file.described(), "path": str(entry.file.path)}
    if not config["size"]:
        config["size"] = native_size(data, path, test_path)
    if data == "folder" and path is not None and Path(path).is_dir():
        config |= described(config, source_of(config))
    return config


def described(config: dict[str, Any], source: Source) -> dict[str, Any]:
    """What config.json says of the data: classes, channels, and what the parts consist of."""
    parts = config.get("parts") or parts_of(config["data"], source)
    return {"classes": source.classes, "channels": source.channels, "parts": parts}


def described_style(config: dict[str, Any]) -> dict[str, Any]:
    """What config.json says of training images that are grey drawings on a plain ground."""
    if of_pixels(config):
        return {}
    data = source_of(config, unchanged).train
    chosen = np.linspace(0, len(data) - 1, min(len(data), STYLE_IMAGES)).astype(int)
    style = style_of(data[i][0] for i in chosen.tolist())
    return {} if style is None else {"style": style._asdict()}


def unchanged(image: np.ndarray) -> np.ndarray:
    return image


# What config.json must have, and of which kind; older ones have no others.
KINDS = {
    "model": str,
    "model_settings": dict,
    "data": str,
    "path": str | None,
    "size": int,
    "start": str | None,
    "seed": int,
    "recipe": dict,
    "classes": list,
    "channels": int,
}
# What newer ones may have besides.
OTHERS = {
    "test_path": str | None,
    "weights": str | None,
    "first_weights": str,
    "parts": dict,
    "net": dict,
    "style": dict,
}


def read_config(directory: Path) -> dict[str, Any]:
    """The config.json of a run's folder.

    Raises: FileNotFoundError or ValueError if there is none.
    """
    path = directory / "config.json"
    if not path.is_file():
        near = "" if directory.exists() else nearest_path(directory, "*/config.json")
        raise FileNotFoundError(f"load_run: {directory} holds no run: it has no config.json{near}")
    with described_in(path):
        config = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors add a mark
        for name, kind in {**KINDS, **{k: OTHERS[k] for k in OTHERS if k in config}}.items():
            if not isinstance(config[name], kind) or isinstance(config[name], bool):
                raise TypeError(f"{name}={config[name]!r} is of another kind")
        if config["data"] == "folder":
            check_folder(config)
        for name in ("size", "channels"):
            if config[name] < 1:
                raise ValueError(f"{name}={config[name]} must be at least 1")
        names = config["classes"]
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError(f"classes={names!r} must be names")
        if "net" in config:
            check_net(config["net"])
            config["net"]["kept_in"] = str(directory.resolve())
        else:
            model_entry(config["model"])
        check_recipe(config["recipe"])
        if "style" in config:
            check_style(config["style"])
    return config


def entry_of(config: dict[str, Any]) -> Entry:
    """What takes the place of a registered model for a run: its entry, or that of its file.

    Raises: NetFileError for a file that is not as it was when the config was made.
    """
    if "net" not in config:
        return model_entry(config["model"])
    net = config["net"]
    if "kept_in" in net:
        return file_entry(kept_net(Path(net["kept_in"]), net))
    file = find_net(f"{net['path']}:{net['name']}")
    if file.described()["sha256"] != net["sha256"]:
        raise NetFileError(f"train_run: {net['path']} has changed since the run was described")
    return file_entry(file)


def written(config: dict[str, Any]) -> dict[str, Any]:
    """A config as config.json has it: without the places of files."""
    if "net" not in config:
        return config
    return config | {"net": {name: config["net"][name] for name in ("file", "name", "sha256")}}


@contextmanager
def described_in(path: Path) -> Iterator[None]:
    """Blame config.json for what cannot be made of it.

    Raises: ValueError with its path.
    """
    try:
        yield
    except NetFileError:  # which says itself what is wrong with a file of the net
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ValueError(f"load_run: {path} is not the description of a run ({reason})") from error


def recipe_of(config: dict[str, Any]) -> Recipe:
    return Recipe(**config["recipe"])


def loss_of(config: dict[str, Any]) -> Callable:
    chosen = recipe_of(config)
    settings = {"label_smoothing": chosen.label_smoothing, "ignore_index": chosen.ignore_index}
    loss = partial(F.cross_entropy, **settings)
    if not chosen.sum_of_pixels:
        return loss
    return lambda logits, masks: loss(logits, masks, reduction="sum") / len(masks)


def of_pixels(config: dict[str, Any]) -> bool:
    """Whether the model labels every pixel."""
    return "net" not in config and model_entry(config["model"]).of_pixels


def input_size(config: dict[str, Any]) -> int | None:
    """The height and width of the model's input, None for those of any image."""
    return None if of_pixels(config) else config["size"]


def evaluation_batch(config: dict[str, Any]) -> int:
    """Images that are looked at together once nothing is learned."""
    return 16 if of_pixels(config) else TEST_BATCH


def source_of(config: dict[str, Any], transform: Callable | None = None) -> Source:
    """The data of a run; transform: for the images of both parts, instead of the recipe's.

    Raises: ValueError for classes, or files of arrays, that are others than the run began with;
    what `load_source` raises.
    """
    chosen, size = recipe_of(config), input_size(config)
    transforms = (transform, transform)
    if transform is None:
        transforms = (chosen.transform(size, train=True), chosen.transform(size, train=False))
    side = chosen.content or config["size"]
    source = load_source(
        config["data"],
        config["path"],
        side,
        transforms,
        of_pixels(config),
        test_path=config.get("test_path"),
        parts=config.get("parts"),
    )
    before = config.get("classes", source.classes)
    if before != source.classes:
        raise ValueError(
            f"load_source: {config['path'] or config['data']} no longer has the classes of the "
            f"run: {difference(before, source.classes)}"
        )
    return source


def make_model(config: dict[str, Any]) -> Module:
    """The model of a run, with freshly drawn weights."""
    entry = entry_of(config)
    data = {"num_classes": len(config["classes"]), "in_channels": config["channels"]}
    data = {name: value for name, value in data.items() if entry.takes(name)}
    heads = {"aux": True} if recipe_of(config).auxiliary else {}
    return build_model(entry, {**config["model_settings"], **heads, **data})


def build_model(entry: Entry, settings: dict[str, Any]) -> Module:
    """A model with settings that a user wrote.

    Raises: ValueError for those that the model does not have, or that do not fit it.
    """
    try:
        return build_entry(entry, settings)
    except (TypeError, LookupError, ArithmeticError, AttributeError) as error:
        if isinstance(error, TypeError) and str(error).startswith("create_model: "):
            raise ValueError(str(error)) from None
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        text = f"create_model: {entry.name} cannot be made with {given}: {error}"
        raise ValueError(text) from error
