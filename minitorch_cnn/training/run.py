"""A run and its folder: from the names of a model and a data set to weights, numbers and pictures.

config.json             what was trained, on what, how
checkpoint.safetensors  the state to go on from, see `fit`
metrics.csv             a line per epoch, see `History`
weights.safetensors     the trained model's state_dict
model.py, modules/      of a net in a file: the file, and those beside it that it imports
curves.png, confusion.png, worst.png
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import DataLoader
from ..interop import load, save, write_atomically
from ..models.fcn import start_from
from ..models.vgg import VGG, copy_from_net_a
from ..nn import Module
from ..random import manual_seed
from .config import described, make_model, source_of, with_style
from .drawings import Style
from .fit import fit
from .history import History
from .lock import locked, making
from .metrics import (
    Evaluation,
    Predictions,
    evaluate,
    evaluate_predictions,
    predict,
    predict_masks,
)
from .parts import Parts, check_input, make_parts
from .plots import plot_confusion, plot_curves, plot_worst, plot_worst_masks
from .run_config import RunConfig, described_in, read_config
from .sources import Source
from .weights import colours_as_text, load_weights

CHECKPOINT_STEPS = 500  # between two checkpoints within an epoch


class Run(NamedTuple):
    """A trained model, as its folder holds it.

    model: in evaluation mode; transform: makes an image (channels, H, W) in [0, 1] its input;
    of_pixels: whether it labels every pixel; style: what the drawings it has learned have in
    common, None for other images (see `in_style`).
    """

    model: Module
    config: RunConfig
    classes: list[str]
    channels: int
    transform: Callable[[np.ndarray], np.ndarray]
    of_pixels: bool
    style: Style | None = None


class Result(NamedTuple):
    """What a finished run found: a row per epoch, and the trained model on the test data."""

    history: History
    evaluation: Evaluation


def train_run(
    config: RunConfig,
    directory: str | Path,
    *,
    device: str = "cpu",
    progress: str = "bar",
    on_start: Callable[[RunConfig], Any] | None = None,
) -> Result:
    """Train as `config` says (see `make_config`), from the seed on, and fill the folder.

    The device is no part of the run: weights and random numbers are those of the CPU at first, and
    what is kept in the folder can be read and gone on with on any other.

    Of a net in a file ("FILE.py:NAME") the folder keeps a copy of the file, and of those beside it
    that it imports: the run goes on from these, and is loaded with them.

    on_start: called with the whole description once nothing is refused any more, before the first
    step.

    Raises: ValueError if the folder has a run already, or the model cannot take images of the size;
    RuntimeError if another process writes there; what `load_source`, `create_model` and `fit`
    raise. A run that cannot start leaves no folder behind.
    """
    directory = Path(directory)
    refuse_run(directory)
    source = source_of(config)
    config = with_style(described(config, source))
    model = new_model(config, progress)
    check_input(model, config)
    config = replace(config, first_weights=digest(model))
    parts = make_parts(config, source, model.to(device=device), progress)
    with making(directory), locked(directory, "train_run"):
        refuse_run(directory)
        keep_net(config, directory)
        write_atomically(directory / "config.json", config.to_json())
        return _train(config, parts, directory, progress, False, on_start)


def resume_run(
    directory: str | Path,
    *,
    device: str = "cpu",
    progress: str = "bar",
    on_start: Callable[[RunConfig], Any] | None = None,
) -> Result:
    """Let an interrupted run go on to its end, with the same result as if it had never stopped.

    Results are the same bit for bit if it goes on where it was, and nearly so on another device.
    on_start: as of `train_run`.

    Raises: as `train_run`; FileNotFoundError or ValueError if the folder holds no run, or what the
    run is made of has changed.
    """
    directory = Path(directory)
    read_config(directory)  # before a lock is made in a folder without a run
    with locked(directory, "resume_run"):
        config = read_config(directory)
        source = source_of(config)
        refuse_shrunk(config, source)
        if (directory / "checkpoint.safetensors").exists():
            manual_seed(config.seed)
            with described_in(directory / "config.json"):
                model = make_model(config)
        else:
            model = first_model(config, directory)
        with described_in(directory / "config.json"):
            parts = make_parts(config, source, model.to(device=device), progress)
        return _train(config, parts, directory, progress, True, on_start)


def keep_net(config: RunConfig, directory: Path) -> None:
    """Copy the file of a net, and what it imports from beside it, into the run's folder."""
    if config.net is not None:
        for place, source in config.net.find().sources.items():
            (directory / place).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(directory / place, source)


def refuse_run(directory: Path) -> None:
    if any((directory / name).exists() for name in ("config.json", "checkpoint.safetensors")):
        raise ValueError(f"train_run: {directory} holds a run already; resume it or name another")


def refuse_shrunk(config: RunConfig, source: Source) -> None:
    """Other images to learn from give another run."""
    before, now = len(config.parts["train"]) if config.parts else 0, len(source.train)
    if config.data == "folder" and now < before:
        raise ValueError(
            f"resume_run: {before - now} of the {before} images that the run learns from are gone "
            f"from {config.path}: put them back, or begin a new run"
        )


def new_model(config: RunConfig, progress: str = "none") -> Module:
    """The model as the run begins with it: drawn from the seed, or copied as the run says."""
    manual_seed(config.seed)
    model = make_model(config)
    config.recipe.first_weights(model)
    if config.start is not None:
        copy_start(model, config)
    if config.weights is not None:
        kept = load_weights(model, config.weights, new_classes=True)
        if kept and progress != "none":
            print(f"{', '.join(kept)} begin anew: the file has none that fit")
    return model


def first_model(config: RunConfig, directory: Path) -> Module:
    """The model of a run that was stopped before its first checkpoint, as it was then.

    Raises: ValueError if the run is further than that, or began with other weights.
    """
    for name in ("metrics.csv", "weights.safetensors"):
        if (directory / name).exists():
            raise ValueError(f"resume_run: {directory} has lost its checkpoint.safetensors")
    model = new_model(config)
    if config.first_weights not in (None, digest(model)):
        files = " or ".join(str(file) for file in (config.start, config.weights) if file)
        raise ValueError(
            f"resume_run: {directory} began with other weights than "
            f"{files or 'its seed'} gives now; begin a new run"
        )
    return model


def digest(model: Module) -> str:
    """A hash of a model's weights, which lie on the CPU."""
    content = hashlib.sha256()
    for name, value in model.state_dict().items():
        content.update(name.encode() + np.ascontiguousarray(value.array).tobytes())
    return content.hexdigest()


def load_run(directory: str | Path) -> Run:
    """The trained model of a folder that `train_run` filled.

    A run of a net in a file runs the copy of the file in the folder: load such runs only from whom
    you trust. Raises: FileNotFoundError or ValueError if the folder holds no finished run.
    """
    directory = Path(directory)
    config = read_config(directory)
    if not (directory / "weights.safetensors").is_file():
        raise FileNotFoundError(f"load_run: {directory} has no weights yet; resume the run first")
    with described_in(directory / "config.json"):
        model = make_model(config)
    weights = load(directory / "weights.safetensors")
    try:
        model.load_state_dict(weights)
    except (ValueError, KeyError, RuntimeError) as error:
        path = directory / "weights.safetensors"
        raise ValueError(f"load_run: {path} is not of this run's model: {error}") from error
    transform = config.recipe.transform(config.input_size, train=False)
    data: Any = config.classes, config.channels  # there are both in a run's folder
    (classes, channels), style = data, config.style
    return Run(model.eval(), config, classes, channels, transform, config.of_pixels, style)


def evaluate_run(directory: str | Path, *, device: str = "cpu") -> Evaluation:
    """The trained model of a folder on the test data of its run, computed on a device."""
    run = load_run(directory)
    run.model.to(device=device)
    source = source_of(run.config)
    if source.note:
        print(source.note, file=sys.stderr)
    test = DataLoader(source.test, run.config.evaluation_batch)
    return evaluate(run.model, test, run.config.loss())


def _train(
    config: RunConfig,
    parts: Parts,
    directory: Path,
    progress: str,
    resume: bool,
    on_start: Callable[[RunConfig], Any] | None,
) -> Result:
    chosen, loss = config.recipe, config.loss()
    source, model, train, test, optimizer, schedule = parts
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
        on_start=None if on_start is None else partial(on_start, config),
        on_epoch=lambda history: history.save_csv(directory / "metrics.csv"),
    )
    metadata = {"model": config.model, "classes": json.dumps(config.classes)}
    metadata |= colours_as_text(chosen.channels, chosen.mean, chosen.std)
    save(model.state_dict(), directory / "weights.safetensors", metadata)
    if config.of_pixels:
        evaluation, found = evaluate(model, test, loss), predict_masks(model, test)
    else:
        found = predict(model, test)
        evaluation = evaluate_predictions(found, loss)
    try:
        plot_run(directory, config, history, evaluation, source, found)
    except ImportError as error:
        if progress != "none":
            print(f"train_run: no pictures were drawn: {error}", file=sys.stderr)
    return Result(history, evaluation)


def plot_run(
    directory: Path,
    config: RunConfig,
    history: History,
    evaluation: Evaluation,
    source: Source,
    found: Predictions | tuple[np.ndarray, np.ndarray],
) -> None:
    """The pictures of a run's folder; found: logits of the test data, or masks of its pixels."""
    data = Path(config.path or "").name if config.data == "folder" else config.data
    run = f"{Path(config.model).name} on {data}"
    plot_curves(history, directory / "curves.png", run)
    pixels, path = evaluation.of_pixels, directory / "confusion.png"
    matrix: Any = evaluation.confusion  # there is one of classes
    plot_confusion(matrix, source.classes, path, pixels, run)
    if pixels:
        masks, labels = found
        plot_worst_masks(source.test, masks, labels, source.classes, directory / "worst.png", run)
    else:
        logits: Any = found
        plot_worst(source.test, logits, source.classes, directory / "worst.png", run)


def copy_start(model: Module, config: RunConfig) -> None:
    """Give a new model the layers of the trained one that its recipe starts from."""
    start: Any = config.start
    trained, wanted = load_run(start), config.recipe.pretrain
    if trained.config.model != wanted:
        raise ValueError(
            f"train_run: start={config.start!r} is a run of {trained.config.model}, "
            f"it must be one of {wanted}"
        )
    copy: Any = copy_from_net_a if isinstance(model, VGG) else start_from
    copy(model, trained.model)
