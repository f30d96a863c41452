"""A run and its folder: from the names of a model and a data set to weights, numbers and pictures.

config.json             what was trained, on what, how
checkpoint.safetensors  the state to go on from, see `fit`
metrics.csv             a line per epoch, see `History`
weights.safetensors     the trained model's state_dict
curves.png, confusion.png, worst.png
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F
from ..backend import manual_seed
from ..data import DataLoader
from ..interop import load, save, write_atomically
from ..models import Recipe, create_model, model_entry, recipe
from ..models.fcn import start_from
from ..models.vgg import VGG, copy_from_net_a
from ..nn import Module
from .fit import fit
from .history import History
from .metrics import (
    Evaluation,
    Predictions,
    evaluate,
    evaluate_predictions,
    predict,
    predict_masks,
)
from .plots import plot_confusion, plot_curves, plot_worst, plot_worst_masks
from .sources import COLOURED, PHOTOGRAPHS, Source, load_source
from .weights import load_weights, preprocessing

TEST_BATCH = 256
CHECKPOINT_STEPS = 500  # between two checkpoints within an epoch


class Run(NamedTuple):
    """A trained model, as its folder holds it.

    model: in evaluation mode; transform: makes an image (channels, H, W) in [0, 1] its input;
    of_pixels: whether it labels every pixel.
    """

    model: Module
    config: dict[str, Any]
    classes: list[str]
    channels: int
    transform: Callable[[np.ndarray], np.ndarray]
    of_pixels: bool


class Result(NamedTuple):
    """What a finished run found: a row per epoch, and the trained model on the test data."""

    history: History
    evaluation: Evaluation


def make_config(
    model: str,
    data: str = "digits",
    path: str | None = None,
    *,
    model_settings: dict[str, Any] | None = None,
    size: int | None = None,
    start: str | None = None,
    weights: str | None = None,
    seed: int = 0,
    **changes,
) -> dict[str, Any]:
    """The description of a run, which JSON can hold: `train_run` takes it.

    model_settings: of `create_model`, besides num_classes and in_channels, which the data set.
    size: pixels a side of the model's input, None for those it was published for.
    start: the folder of a finished run of the recipe's `pretrain`, whose weights are copied first.
    weights: a file of the model's weights to begin with, its classifier only if the classes are as
    many (see `load_weights`). Colours are then scaled as the model's published weights expect, if
    there are any, and not as the recipe says.
    changes: fields of the model's `Recipe` to replace, as epochs=5. The recipe is the paper's for
    photographs, and the small one for other data.

    Auxiliary heads that model_settings switch off, or on where the recipe has none, set the
    recipe's weight of their losses: to 0, or to the 0.3 of most papers.

    Raises: KeyError for an unknown model, with the nearest one; TypeError for an unknown field;
    ValueError for a start that the recipe does not have, a start and weights, or settings that
    follow from the data.
    """
    model_entry(model)
    model_settings = model_settings or {}
    for name in ("num_classes", "in_channels"):
        if name in model_settings:
            raise ValueError(f"make_config: {name} follows from the data and cannot be set")
    chosen = recipe(model, small=data not in PHOTOGRAPHS)
    published = model_entry(model).preprocessing
    if weights is not None and published is not None and data in COLOURED:
        usual = preprocessing(model, bool(model_settings.get("transform_input")))
        chosen = replace(chosen, channels=usual.channels, mean=usual.mean, std=usual.std)
    chosen = replace(chosen, **changes)
    if "aux" in model_settings and bool(chosen.auxiliary) != bool(model_settings["aux"]):
        chosen = replace(chosen, auxiliary=0.3 if model_settings["aux"] else 0.0)
    if start is not None and weights is not None:
        raise ValueError("make_config: start and weights cannot both be given")
    if start is not None and chosen.pretrain is None:
        raise ValueError(f"make_config: start={start!r} is not for {model}, which starts anew")
    return {
        "model": model,
        "model_settings": model_settings,
        "data": data,
        "path": path,
        "size": size or model_entry(model).input_shape[1],
        "start": start,
        "weights": weights,
        "seed": seed,
        "recipe": asdict(chosen),
    }


def train_run(
    config: dict[str, Any], directory: str | Path, *, device: str = "cpu", progress: str = "bar"
) -> Result:
    """Train as `config` says (see `make_config`), from the seed on, and fill the folder.

    The device is no part of the run: weights and random numbers are those of the CPU at first, and
    what is kept in the folder can be read and gone on with on any other.

    Raises: ValueError if the folder has a run already; what `load_source`, `create_model` and `fit`
    raise.
    """
    directory = Path(directory)
    if (directory / "checkpoint.safetensors").exists():
        raise ValueError(f"train_run: {directory} holds a run already; resume it or name another")
    # Data and model come first: a run that cannot start leaves no folder behind.
    source = source_of(config)
    config = {**config, "classes": source.classes, "channels": source.channels}
    manual_seed(config["seed"])
    model = make_model(config)
    recipe_of(config).first_weights(model)
    if config["start"] is not None:
        copy_start(model, config)
    if config.get("weights") is not None:
        kept = load_weights(model, config["weights"], new_classes=True)
        if kept and progress != "none":
            print(f"{', '.join(kept)} begin anew: the file has none that fit")
    model.to(device=device)
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / "config.json", json.dumps(config, indent=2) + "\n")
    return _train(config, source, model, directory, progress, resume=False)


def resume_run(directory: str | Path, *, device: str = "cpu", progress: str = "bar") -> Result:
    """Let an interrupted run go on to its end, with the same result as if it had never stopped.

    Results are the same bit for bit if it goes on where it was, and nearly so on another device.

    Raises: as `train_run`; FileNotFoundError or ValueError if the folder holds no run.
    """
    directory = Path(directory)
    config = read_config(directory)
    source = source_of(config)
    manual_seed(config["seed"])
    model = make_model(config).to(device=device)
    return _train(config, source, model, directory, progress, resume=True)


def load_run(directory: str | Path) -> Run:
    """The trained model of a folder that `train_run` filled.

    Raises: FileNotFoundError or ValueError if the folder holds no finished run.
    """
    directory = Path(directory)
    config = read_config(directory)
    if not (directory / "weights.safetensors").is_file():
        raise FileNotFoundError(f"load_run: {directory} has no weights yet; resume the run first")
    model = make_model(config)
    model.load_state_dict(load(directory / "weights.safetensors"))
    transform = recipe_of(config).transform(input_size(config), train=False)
    classes, channels = config["classes"], config["channels"]
    return Run(model.eval(), config, classes, channels, transform, of_pixels(config))


def held_out(config: dict[str, Any], transform: Callable):
    """The test data of a run, its images made fit by another transform."""
    side = recipe_of(config).content or config["size"]
    source = load_source(
        config["data"], config["path"], side, (transform, transform), of_pixels(config)
    )
    return source.test


def evaluate_run(directory: str | Path, *, device: str = "cpu") -> Evaluation:
    """The trained model of a folder on the test data of its run, computed on a device."""
    run = load_run(directory)
    run.model.to(device=device)
    test = DataLoader(source_of(run.config).test, evaluation_batch(run.config))
    return evaluate(run.model, test, loss_of(run.config))


def _train(config, source: Source, model: Module, directory: Path, progress, resume) -> Result:
    chosen, loss = recipe_of(config), loss_of(config)
    train = DataLoader(source.train, chosen.batch_size, shuffle=True, drop_last=chosen.drop_last)
    test = DataLoader(source.test, evaluation_batch(config))
    optimizer, schedule = chosen.make_optimizer(model, len(train))
    history = fit(
        model,
        train,
        test,
        epochs=chosen.epochs,
        optimizer=optimizer,
        scheduler=schedule,
        scheduler_every="step",
        loss=loss,
        auxiliary=chosen.auxiliary,
        clip_norm=chosen.clip_norm,
        average=chosen.average,
        checkpoint=directory / "checkpoint.safetensors",
        checkpoint_every=CHECKPOINT_STEPS,
        resume=resume,
        progress=progress,
        on_epoch=lambda history: history.save_csv(directory / "metrics.csv"),
    )
    metadata = {"model": config["model"], "classes": json.dumps(config["classes"])}
    save(model.state_dict(), directory / "weights.safetensors", metadata)
    if of_pixels(config):
        evaluation, found = evaluate(model, test, loss), predict_masks(model, test)
    else:
        found = predict(model, test)
        evaluation = evaluate_predictions(found, loss)
    try:
        plot_run(directory, history, evaluation, source, found)
    except ImportError as error:
        if progress != "none":
            print(f"train_run: no pictures were drawn: {error}", file=sys.stderr)
    return Result(history, evaluation)


def plot_run(
    directory: Path,
    history: History,
    evaluation: Evaluation,
    source: Source,
    found: Predictions | tuple[np.ndarray, np.ndarray],
) -> None:
    """The pictures of a run's folder; found: logits of the test data, or masks of its pixels."""
    plot_curves(history, directory / "curves.png")
    pixels = evaluation.of_pixels
    plot_confusion(evaluation.confusion, source.classes, directory / "confusion.png", pixels)
    if pixels:
        plot_worst_masks(source.test, *found, source.classes, directory / "worst.png")
    else:
        plot_worst(source.test, found, source.classes, directory / "worst.png")


def read_config(directory: Path) -> dict[str, Any]:
    """The config.json of a run's folder.

    Raises: FileNotFoundError or ValueError if there is none.
    """
    path = directory / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"load_run: {directory} holds no run: it has no config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        recipe_of(config), model_entry(config["model"])
        config["classes"], config["channels"], config["size"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"load_run: {path} is not the description of a run ({error})") from error
    return config


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
    return model_entry(config["model"]).of_pixels


def input_size(config: dict[str, Any]) -> int | None:
    """The height and width of the model's input, None for those of any image."""
    return None if of_pixels(config) else config["size"]


def evaluation_batch(config: dict[str, Any]) -> int:
    """Images that are looked at together once nothing is learned."""
    return 16 if of_pixels(config) else TEST_BATCH


def source_of(config: dict[str, Any]) -> Source:
    chosen, size = recipe_of(config), input_size(config)
    transforms = (chosen.transform(size, train=True), chosen.transform(size, train=False))
    side = chosen.content or config["size"]
    return load_source(config["data"], config["path"], side, transforms, of_pixels(config))


def make_model(config: dict[str, Any]) -> Module:
    data = {"num_classes": len(config["classes"]), "in_channels": config["channels"]}
    heads = {"aux": True} if recipe_of(config).auxiliary else {}
    return create_model(config["model"], **{**config["model_settings"], **heads, **data})


def copy_start(model: Module, config: dict[str, Any]) -> None:
    """Give a new model the layers of the trained one that its recipe starts from."""
    trained, wanted = load_run(config["start"]), recipe_of(config).pretrain
    if trained.config["model"] != wanted:
        raise ValueError(
            f"train_run: start={config['start']!r} is a run of {trained.config['model']}, "
            f"it must be one of {wanted}"
        )
    copy = copy_from_net_a if isinstance(model, VGG) else start_from
    copy(model, trained.model)
