"""minitorch-cnn summary: the costs of each layer of a model."""

from __future__ import annotations

from typing import Any

from .onnx_files import is_onnx, load_onnx
from .parser import CommandError, Parser, image_shape, model_name, sentence, setting

DESCRIPTION = """\
Print each layer's output, memory, parameters, operations and receptive field for one image.

examples:
  minitorch-cnn summary lenet5
  minitorch-cnn summary lenet5_relu --input-shape 3x32x32     for colour images
  minitorch-cnn summary vgg16 --format latex                  for a paper
  minitorch-cnn summary net.py:Net --input-shape 3x64x64      a net in a file of yours"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "summary", help="print the costs of each layer", description=DESCRIPTION
    )
    parser.add_argument(
        "model",
        type=model_or_onnx,
        metavar="MODEL",
        help="a name that minitorch-cnn models lists, FILE.py:NAME, or FILE.onnx",
    )
    parser.add_argument(
        "--format",
        choices=("table", "markdown", "csv", "latex"),
        default="table",
        help="the format (table); csv has all layers and exact numbers",
    )
    add_input_shape(parser)
    parser.set_defaults(run=run)


def add_input_shape(parser: Parser) -> None:
    parser.add_argument(
        "--input-shape",
        type=image_shape,
        metavar="CxHxW",
        help="channels, height and width of the image (default: those of the model's publication, "
        "or usual ones that a net in a file accepts)",
    )
    parser.add_argument(
        "--set", nargs="+", type=setting, metavar="NAME=VALUE", help="settings, such as width=0.5"
    )


def model_or_onnx(text: str) -> str:
    """An argument type: a model, FILE.py:NAME, or FILE.onnx. Raises: as `model_name`."""
    return text if is_onnx(text) else model_name(text)


def run(options) -> None:
    print(summary_of_model(options.model, options).format(options.format))


def onnx_model(name: str, options) -> tuple[Any, tuple[int, ...]]:
    """The model of an ONNX file, and the shape (C, H, W) of its images."""
    import numpy as np

    found = load_onnx(name, options, colours=False)
    pixel = np.zeros((found.channels, 8, 8), np.float32)
    return found.model, found.transform(pixel).shape


def summary_of_model(name: str, options):
    """The summary of a model by name. Raises: CommandError for settings or image shapes that the
    model does not accept.
    """
    from ..analysis import summary_of
    from ..models import model_entry
    from ..models.net_file import NetFileError

    if is_onnx(name):
        return summary_of(*onnx_model(name, options))
    entry, shape = model_entry(name), options.input_shape
    settings = dict(options.set or ())
    try:
        return summary_of(name, shape, **settings)
    except Exception as error:
        if isinstance(error, NetFileError) or str(error).startswith("create_model: "):
            raise CommandError(sentence(error)) from error
        if isinstance(error, TypeError) and settings and not entry.own:
            given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
            raise CommandError(f"{entry.name} cannot be made with {given}: {error}") from error
        if not entry.own and not isinstance(error, ValueError | RuntimeError):
            raise
        why = str(error) if entry.file is None else entry.file.located(error)
        shape = shape or entry.input_shape
        of = " of " + "x".join(map(str, shape)) if shape else ""
        end = "" if shape else "; --input-shape sets another shape"
        raise CommandError(f"{entry.name} cannot take images{of}: {why}{end}") from error
