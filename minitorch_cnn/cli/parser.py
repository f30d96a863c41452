"""A parser with errors of one sentence, and types of values, for all commands."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..spelling import nearest, nearest_path, one_of

LISTED = "minitorch-cnn models lists them all, and FILE.py:NAME is one in a file"
PYTHONS = {"True": True, "False": False, "None": None}


class CommandError(Exception):
    """An error that the user can correct, in one sentence."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that keeps the line breaks of its texts and raises its errors.

    Options cannot be abbreviated, so scripts keep working when new options appear.
    """

    def __init__(self, **settings):
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings
        )

    def error(self, message: str):
        raise CommandError(f"{message} (see {self.prog} --help)")

    def parse_known_args(self, args=None, namespace=None):
        """Let each command report its unknown options, with the nearest of its own.

        A misspelt option is reported before missing arguments.
        """
        known = self._option_string_actions
        try:
            namespace, rest = super().parse_known_args(args, namespace)
        except CommandError as error:
            words = [word.partition("=")[0] for word in args or ()]
            unknown = [word for word in words if word.startswith("--") and word not in known]
            ours = f" are required: .*{re.escape(self.prog)} --help"  # not one of a command
            if not unknown or not re.search(ours, str(error)):
                raise
            rest = unknown
        if rest:
            options = [word.partition("=")[0] for word in rest if word.startswith("-")]
            near = nearest(options[0], known) if options else ""
            self.error(f"unrecognized arguments: {' '.join(rest)}{near}")
        return namespace, rest

    def _check_value(self, action, value):
        """Check a choice: the command, or the analysis."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"{value!r} {one_of(value, action.choices)}")


def sentence(error: Exception) -> str:
    """The message of an error on one line, without the name of the raising function."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        if error.filename and isinstance(error, FileNotFoundError):
            text += nearest_path(Path(os.fsdecode(error.filename)))
    elif isinstance(error, RecursionError):
        text = "something is nested too deeply"
    elif isinstance(error, MemoryError):
        text = f"there is too little memory; smaller batches need less. {error}"
    elif isinstance(error, CommandError):
        text = str(error)
    else:
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        text = re.sub(r"^\w+: ", "", str(said))
    return " ".join(text.split()) or type(error).__name__


def number(kind: type, least: float, above: bool = False) -> Callable[[str], float]:
    """An option type: an int or float of at least (or above) `least`."""

    def convert(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (value > least if above else value >= least) or math.isinf(value):
            rule = f"above {least}" if above else f"of at least {least}"
            noun = "an integer" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} must be {noun} {rule}")
        return value

    return convert


def file_path(text: str) -> Path:
    """An option type: a file or folder; ~ is the home folder.

    Raises: CommandError for empty text, such as an unset variable of the shell, which would name
    the current folder, and for invalid names.
    """
    if not text or "\0" in text:
        raise CommandError(f"{text!r} is not the name of a file or folder")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, so ~ belongs to the file's name
        return Path(text)


def new_file(text: str) -> Path:
    """An option type: a file to write, which is not a folder, in an existing folder."""
    path = file_path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder, it must be a file")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} must be in an existing folder")
    return path


def folder_to_fill(text: str) -> Path:
    """An option type: a folder for files, which need not exist yet."""
    path = file_path(text)
    there = next((p for p in (path, *path.parents) if p.exists()), path)
    if there.exists() and not there.is_dir():
        raise argparse.ArgumentTypeError(f"{there} is a file, it must be a folder")
    return path


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Check the suffix of the file of --plot. Raises: CommandError for other suffixes."""
    if path.suffix.lower() not in endings:
        raise CommandError(f"--plot {path} must end in one of {', '.join(dict.fromkeys(endings))}")


def image_shape(text: str) -> tuple[int, int, int]:
    """An option type: (channels, height, width), such as 3x224x224."""
    try:
        shape = tuple(map(int, text.lower().split("x")))
    except ValueError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be CHANNELSxHEIGHTxWIDTH, for example 3x224x224"
        )
    return shape


def setting(text: str) -> tuple[str, object]:
    """An option type: a name and a value, JSON or a word, such as width=0.5.

    Python's True, False and None are values, not words.
    """
    name, equals, value = text.partition("=")
    if not (name.isidentifier() and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE, for example width=0.5")
    if value in PYTHONS:
        return name, PYTHONS[value]
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def model_name(text: str) -> str:
    """An argument type: a model, or FILE.py:NAME.

    Raises: ArgumentTypeError for an unknown name, with the nearest one.
    """
    from ..models import model_entry
    from ..models.net_file import NetFileError

    if text.lower().endswith(".onnx"):
        raise argparse.ArgumentTypeError(f"{text} is an ONNX file; a model is built anew here")
    try:
        model_entry(text)
        return text
    except NetFileError as error:
        raise CommandError(sentence(error)) from None
    except KeyError as error:
        wrong = sentence(error)
        if text and (file_path(text) / "config.json").is_file():
            wrong = f"{text} is the folder of a run, it must be the name of a model"
        raise argparse.ArgumentTypeError(f"{wrong}; {LISTED}") from None


def device_name(text: str) -> str:
    """An option type: an available device."""
    from ..devices import check_device

    try:
        return check_device(text, "--device")
    except (ValueError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--device: ")) from None


def add_device(parser: argparse._ActionsContainer) -> None:
    """Add --device, for the commands that run a model."""
    parser.add_argument(
        "--device",
        type=device_name,
        default="cpu",
        metavar="NAME",
        help="cpu (the default), cuda, cuda:1, ... or emulator, which runs the CUDA kernels "
        "without a GPU",
    )


def parse_data(values: list[str] | None) -> tuple[str, str | None]:
    """The name of a data set, and the absolute path to its files if it needs any."""
    from ..training.sources import BUILT_IN, SOURCES

    name, *paths = values or ["digits"]
    if name not in SOURCES:
        rule = one_of(name, SOURCES)
        if name and file_path(name).is_dir():
            rule = f"is a folder of yours: --data folder {shlex.quote(name)} takes the images in it"
        raise CommandError(f"--data {name} {rule}")
    if name in BUILT_IN:
        if paths:
            raise CommandError(
                f"--data {name} comes with the package and takes no path, but got {paths[0]!r} "
                "(MODEL goes before --data)"
            )
        return name, None
    if len(paths) != 1:
        raise CommandError(f"--data {name} needs one path to its files: --data {name} PATH")
    path = file_path(paths[0])
    if path.is_file():
        raise CommandError(f"--data {name} {path} is a file, it must be a folder")
    if name == "folder" and not path.exists():
        raise CommandError(f"--data folder: there is no folder {path}{nearest_path(path)}")
    return name, str(path.resolve())


def progress_of(options) -> str:
    """The form of progress reports: a bar only on a terminal."""
    seen = sys.stderr is not None and sys.stderr.isatty()
    return "bar" if seen and not options.plain else "plain"
