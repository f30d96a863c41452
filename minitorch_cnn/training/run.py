"""A run and its folder: from a model and a data set by name to weights, metrics and plots.

config.json             the model, the data and the recipe
checkpoint.safetensors  the state for resuming, see `fit`
metrics.csv             one line per epoch, see `History`
weights.safetensors     the trained model's state_dict
model.py, modules/      for a net in a file: the file, and the files beside it that it imports
curves.png, confusion.png, worst.png
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import DataLoader
from ..distributed.collectives import gathered
from ..distributed.group import current_or_none
from ..interop import load, save, write_atomically
from ..kernels.tuning import tuned_by
from ..models.fcn import start_from
from ..models.vgg import VGG, copy_from_net_a
from ..nn import Module, SyncBatchNorm
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
    """A trained model, loaded from its folder.

    model: in evaluation mode; transform: makes an image (channels, H, W) in [0, 1] its input;
    of_pixels: whether it labels every pixel; style: the common style of its training images if they
    are drawings, None for other images (see `in_style`).
    """

    model: Module
    config: RunConfig
    classes: list[str]
    channels: int
    transform: Callable[[np.ndarray], np.ndarray]
    of_pixels: bool
    style: Style | None = None


class Result(NamedTuple):
    """The results of a finished run: a row per epoch, and the evaluation on the test data."""

    history: History
    evaluation: Evaluation


def train_run(
    config: RunConfig,
    directory: str | Path,
    *,
    device: str = "cpu",
    graphed: bool = False,
    progress: str = "bar",
    on_start: Callable[[RunConfig], Any] | None = None,
) -> Result:
    """Train as `config` describes (see `make_config`), starting from its seed, and fill the folder.

    The device is not part of the run: initial weights and random numbers are drawn on the CPU (but
    dropout's on the device), and a run resumes on any device. graphed: as for `fit`.

    On several processes (see `fit`) all ranks call this with the same arguments, batch norm takes
    the statistics of all ranks, and rank 0 fills the folder. The run is that of one process, and
    any number of ranks resumes it.

    For a net in a file ("FILE.py:NAME") the folder keeps a copy of the file and of the files beside
    it that it imports; the run is resumed and loaded with these copies.

    on_start: called with the complete description after all checks, before the first step.

    Raises: ValueError if the folder already has a run, or the model cannot take images of the size;
    RuntimeError if another process writes there; whatever `load_source`, `create_model` and `fit`
    raise. A run that cannot start leaves no folder behind.
    """
    directory = Path(directory)
    if graphed and device == "cpu":
        raise ValueError("train_run: graphed=True needs device='cuda' (or 'emulator'), not 'cpu'")
    first, progress, device = role(progress, device)
    if first:
        refuse_run(directory)
    source = source_of(config)
    config = with_style(described(config, source))
    model = new_model(config, progress)
    check_input(model, config)
    config = replace(config, first_weights=digest(model), tuned=tuned_by())
    parts = make_parts(config, source, model.to(device=device), progress)
    if not first:
        return _train(config, parts, directory, progress, graphed, False, None)
    with making(directory), locked(directory, "train_run"):
        refuse_run(directory)
        keep_net(config, directory)
        write_atomically(directory / "config.json", config.to_json())
        return _train(config, parts, directory, progress, graphed, False, on_start)


def resume_run(
    directory: str | Path,
    *,
    device: str = "cpu",
    graphed: bool = False,
    progress: str = "bar",
    on_start: Callable[[RunConfig], Any] | None = None,
) -> Result:
    """Resume an interrupted run and finish it, with the same result as if it had never stopped.

    The result is bit-identical on the same kind of device, and nearly equal on another one.
    graphed, on_start: as for `train_run`.

    Raises: as `train_run`; FileNotFoundError or ValueError if the folder holds no run, or if its
    data or files have changed.
    """
    directory = Path(directory)
    if graphed and device == "cpu":
        raise ValueError("resume_run: graphed=True needs device='cuda' (or 'emulator'), not 'cpu'")
    first, progress, device = role(progress, device)
    read_config(directory)  # before creating a lock in a folder without a run
    with locked(directory, "resume_run") if first else nullcontext():
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
        return _train(config, parts, directory, progress, graphed, True, on_start)


def role(progress: str, device: str) -> tuple[bool, str, str]:
    """Whether this rank writes the run's folder; its progress display, and its device.

    The device "cuda" is the GPU of the rank's number on its machine.
    """
    group = current_or_none()
    if group is None:
        return True, progress, device
    if device == "cuda":
        device = f"cuda:{group.local_rank}"
    first = group.rank == 0
    return first, progress if first else "none", device


def keep_net(config: RunConfig, directory: Path) -> None:
    """Copy a net's file, and the files beside it that it imports, into the run's folder."""
    if config.net is not None:
        for place, source in config.net.find().sources.items():
            (directory / place).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(directory / place, source)


def refuse_run(directory: Path) -> None:
    if any((directory / name).exists() for name in ("config.json", "checkpoint.safetensors")):
        raise ValueError(f"train_run: {directory} holds a run already; resume it or name another")


def refuse_shrunk(config: RunConfig, source: Source) -> None:
    """Refuse to resume with fewer training images: that would be another run."""
    before, now = len(config.parts["train"]) if config.parts else 0, len(source.train)
    if config.data == "folder" and now < before:
        raise ValueError(
            f"resume_run: {before - now} of the {before} images that the run learns from are gone "
            f"from {config.path}: put them back, or begin a new run"
        )


def new_model(config: RunConfig, progress: str = "none") -> Module:
    """The model in its initial state: drawn from the seed, or copied as the run says."""
    manual_seed(config.seed)
    model = make_model(config)
    config.recipe.first_weights(model)
    if config.start is not None:
        copy_start(model, config)
    if config.weights is not None:
        kept = load_weights(model, config.weights, new_classes=True)
        if kept and progress != "none":
            print(f"newly initialised, as the file has none that fit: {', '.join(kept)}")
    return model


def first_model(config: RunConfig, directory: Path) -> Module:
    """The initial model of a run that stopped before its first checkpoint.

    Raises: ValueError if the run is past its first checkpoint, or began with other weights.
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
    """A hash of a model's weights, which must be on the CPU."""
    content = hashlib.sha256()
    for name, value in model.state_dict().items():
        content.update(name.encode() + np.ascontiguousarray(value.array).tobytes())
    return content.hexdigest()


def load_run(directory: str | Path) -> Run:
    """Load the trained model from a folder that `train_run` filled.

    For a net in a file this executes the copy of the file in the folder: load such runs only from
    people you trust. Raises: FileNotFoundError or ValueError if the folder holds no finished run.
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
    data: Any = config.classes, config.channels  # a run's folder records both
    (classes, channels), style = data, config.style
    return Run(model.eval(), config, classes, channels, transform, config.of_pixels, style)


def evaluate_run(directory: str | Path, *, device: str = "cpu") -> Evaluation:
    """Evaluate a folder's trained model on the test data of its run, on the given device."""
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
    graphed: bool,
    resume: bool,
    on_start: Callable[[RunConfig], Any] | None,
) -> Result:
    chosen, loss = config.recipe, config.loss()
    source, model, train, test, optimizer, schedule = parts
    group = current_or_none()
    if group is not None:
        model = SyncBatchNorm.convert_sync_batchnorm(model)
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
        graphed=graphed,
        checkpoint=directory / "checkpoint.safetensors",
        checkpoint_every=CHECKPOINT_STEPS,
        resume=resume,
        progress=progress,
        on_start=None if on_start is None else partial(on_start, config),
        on_epoch=lambda history: history.save_csv(directory / "metrics.csv"),
    )
    if group is not None and group.rank:
        return Result(history, gathered(group, None)[0])
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
    if group is not None:
        gathered(group, evaluation)
    return Result(history, evaluation)


def plot_run(
    directory: Path,
    config: RunConfig,
    history: History,
    evaluation: Evaluation,
    source: Source,
    found: Predictions | tuple[np.ndarray, np.ndarray],
) -> None:
    """Draw the plots of a run's folder; found: logits of the test data, or masks of its pixels."""
    data = Path(config.path or "").name if config.data == "folder" else config.data
    run = f"{Path(config.model).name} on {data}"
    plot_curves(history, directory / "curves.png", run)
    pixels, path = evaluation.of_pixels, directory / "confusion.png"
    matrix: Any = evaluation.confusion  # present: the labels are classes
    plot_confusion(matrix, source.classes, path, pixels, run)
    if pixels:
        masks, labels = found
        plot_worst_masks(source.test, masks, labels, source.classes, directory / "worst.png", run)
    else:
        logits: Any = found
        plot_worst(source.test, logits, source.classes, directory / "worst.png", run)


def copy_start(model: Module, config: RunConfig) -> None:
    """Copy the layers of the trained model that the recipe starts from into a new model."""
    start: Any = config.start
    trained, wanted = load_run(start), config.recipe.pretrain
    if trained.config.model != wanted:
        raise ValueError(
            f"train_run: start={config.start!r} is a run of {trained.config.model}, "
            f"it must be one of {wanted}"
        )
    copy: Any = copy_from_net_a if isinstance(model, VGG) else start_from
    copy(model, trained.model)
