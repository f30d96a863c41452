"""Trained models from runs and from files of weights, and the options for the latter."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from ..spelling import nearest, nearest_path
from .onnx_files import is_onnx
from .parser import CommandError, Parser, file_path, model_name, number, setting

if TYPE_CHECKING:
    from ..training.trained import Trained


def add_options(parser: Parser, **weights) -> None:
    """Add --weights and its companions; weights: settings of that option."""
    group = parser.add_argument_group(
        "weights from a file",
        "MODEL is then a name that minitorch-cnn models lists, or FILE.py:NAME",
    )
    group.add_argument(
        "--weights", type=file_path, metavar="FILE", help=".pth, .safetensors or .npz", **weights
    )
    group.add_argument(
        "--classes",
        type=file_path,
        metavar="FILE",
        help="the names of the classes, one per line, or JSON (default: numbers)",
    )
    group.add_argument(
        "--resize",
        type=number(int, 1),
        metavar="N",
        help="pixels of an image's shorter side (default: that of the model's published weights)",
    )
    group.add_argument(
        "--crop", type=number(int, 1), metavar="N", help="pixels of its middle (the model's size)"
    )
    for name, text in (("mean", "subtracted from the channels"), ("std", "divides the channels")):
        group.add_argument(
            f"--{name}", type=float, nargs="+", metavar="X", help=f"{text} (theirs, too)"
        )
    group.add_argument(
        "--set", nargs="+", type=setting, metavar="NAME=VALUE", help="settings of the model"
    )


def refuse_options(options) -> None:
    """Refuse the other options without --weights: a run has its own settings."""
    for name in ("classes", "resize", "crop", "mean", "std", "set"):
        if getattr(options, name) is not None:
            raise CommandError(f"--{name} needs --weights: a run has its own")


def one_source(names: list[str]) -> bool:
    """Whether models are ONNX files. Raises: CommandError if only some are."""
    files = [name for name in names if is_onnx(name)]
    if files and len(files) < len(names):
        raise CommandError(f"{files[0]} is an ONNX file; all models must be files, or none")
    return bool(files)


def run_folder(name: str) -> Path:
    """The folder of a run. Raises: CommandError for other names, such as a model's."""
    from ..models import list_models
    from ..models.net_file import is_net_file

    directory = file_path(name)
    if directory.is_dir():
        return directory
    if directory.is_file() and not is_net_file(name):
        run = directory.parent
        near = f"; did you mean {run}?" if (run / "config.json").is_file() else ""
        raise CommandError(f"{name} is a file, it must be the folder of a run{near}")
    if name in list_models() or is_net_file(name):
        raise CommandError(
            f"{name} is a model, not the folder of a run: --weights FILE gives its weights"
        )
    raise CommandError(f"{name} is neither a folder of a run nor a model{nearest_subject(name)}")


def nearest_subject(name: str) -> str:
    """The end of an error: the nearest run beside the missing folder, or below runs, or the nearest
    model.
    """
    from ..models import list_models

    path = file_path(name)
    runs = [str(found.parent) for found in Path("runs").glob("*/config.json")]
    near = nearest_path(path, "*/config.json")
    return near or nearest(name, [*runs, *list_models()])


def load_folder(name: str, options) -> Trained:
    """The model of a finished run, without the other options."""
    from ..training import load_run
    from ..training.trained import of_run

    refuse_options(options)
    return of_run(load_run(run_folder(name)))


def load_file(model: str, weights: Path, options) -> Trained:
    """The model of that name with weights from a file, by the other options."""
    from ..analysis import image_shape
    from ..models import model_entry
    from ..training import read_classes
    from ..training.config import build_model
    from ..training.trained import with_weights

    if file_path(model).is_dir():
        raise CommandError(f"--weights needs a MODEL: the run {model} has its own weights")
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
