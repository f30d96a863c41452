"""Trained models by name: of runs, and of files of weights, with the options that say how."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from ..spelling import nearest, nearest_path
from .parser import CommandError, Parser, file_path, model_name, number, setting

if TYPE_CHECKING:
    from ..training.trained import Trained


def add_options(parser: Parser, **weights) -> None:
    """--weights and what belongs to it; weights: settings of that option."""
    group = parser.add_argument_group(
        "weights from a file",
        "then MODEL, a name that minitorch-cnn models lists or FILE.py:NAME, is no folder",
    )
    group.add_argument(
        "--weights", type=file_path, metavar="FILE", help=".pth, .safetensors or .npz", **weights
    )
    group.add_argument(
        "--classes",
        type=file_path,
        metavar="FILE",
        help="their names: one on each line, or JSON (numbers)",
    )
    group.add_argument(
        "--resize",
        type=number(int, 1),
        metavar="N",
        help="pixels of an image's shorter side (what the model's published weights expect)",
    )
    group.add_argument(
        "--crop", type=number(int, 1), metavar="N", help="pixels of its middle (the model's size)"
    )
    for name, text in (("mean", "taken off the channels"), ("std", "and what they are divided by")):
        group.add_argument(
            f"--{name}", type=float, nargs="+", metavar="X", help=f"{text} (theirs, too)"
        )
    group.add_argument(
        "--set", nargs="+", type=setting, metavar="NAME=VALUE", help="settings of the model"
    )


def refuse_options(options) -> None:
    """Without --weights a run says itself what the others say."""
    for name in ("classes", "resize", "crop", "mean", "std", "set"):
        if getattr(options, name) is not None:
            raise CommandError(f"--{name} goes with --weights: a run has its own")


def run_folder(name: str) -> Path:
    """The folder of a run; CommandError for the name of a model without weights, or for none."""
    from ..models import list_models
    from ..models.net_file import is_net_file

    directory = file_path(name)
    if directory.is_dir():
        return directory
    if directory.is_file() and not is_net_file(name):
        run = directory.parent
        near = f"; it is in that of {run}" if (run / "config.json").is_file() else ""
        raise CommandError(f"{name} is a file, it must be the folder of a run{near}")
    if name in list_models() or is_net_file(name):
        raise CommandError(
            f"{name} is a model and no folder of a run: --weights FILE says what it has learned"
        )
    raise CommandError(f"{name} is neither a folder of a run nor a model{nearest_subject(name)}")


def nearest_subject(name: str) -> str:
    """The end of a complaint: the nearest run beside a folder that is not there, or below runs, or
    else the nearest model.
    """
    from ..models import list_models

    path = file_path(name)
    runs = [str(found.parent) for found in Path("runs").glob("*/config.json")]
    near = nearest_path(path, "*/config.json")
    return near or nearest(name, [*runs, *list_models()])


def load_folder(name: str, options) -> Trained:
    """The model of a finished run, of which other options have nothing to say."""
    from ..training import load_run
    from ..training.trained import of_run

    refuse_options(options)
    return of_run(load_run(run_folder(name)))


def load_file(model: str, weights: Path, options) -> Trained:
    """The model of that name with the weights in a file, as the other options say."""
    from ..analysis import image_shape
    from ..models import model_entry
    from ..training import read_classes
    from ..training.config import build_model
    from ..training.trained import with_weights

    if file_path(model).is_dir():
        raise CommandError(f"--weights goes with a MODEL: the run {model} has its own")
    try:
        name = model_name(model)
    except ArgumentTypeError as error:
        raise CommandError(str(error)) from None
    names = None if options.classes is None else read_classes(options.classes)
    settings = dict(options.set or ())
    entry = model_entry(name)
    if names is not None and entry.takes("num_classes"):
        settings["num_classes"] = len(names)
    net = build_model(entry, settings).eval()
    channels, height, width = entry.input_shape or image_shape(net)
    given = {key: getattr(options, key) for key in ("resize", "crop", "mean", "std")}
    return with_weights(
        name,
        net,
        weights,
        (settings.get("in_channels", channels), height, width),
        names,
        transform_input=bool(settings.get("transform_input")),
        **given,
    )
