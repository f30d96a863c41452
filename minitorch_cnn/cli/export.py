"""minitorch-cnn export: a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .foreign import add_options
from .parser import CommandError, Parser, image_shape, new_file, number
from .subjects import find_model

DESCRIPTION = """\
Write a network as an ONNX file, for other programs and for the commands here that take a model. The
number of images is free; height and width are fixed. The file is checked by the onnx package, and
says the names of the classes and how images are prepared.

examples:
  minitorch-cnn export runs/lenet5-digits lenet5.onnx
  minitorch-cnn predict lenet5.onnx three.png
  minitorch-cnn export resnet18 resnet18.onnx --weights resnet18.pth --classes imagenet.txt
  minitorch-cnn export net.py:Net net.onnx --input-shape 3x64x64      untrained"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "export", help="write a network as an ONNX file", description=DESCRIPTION
    )
    parser.add_argument(
        "model",
        metavar="MODEL_OR_RUN",
        help="the folder of a run, a name that minitorch-cnn models lists, FILE.py:NAME, or "
        "another FILE.onnx",
    )
    parser.add_argument("file", type=new_file, metavar="FILE.onnx", help="the file to write")
    parser.add_argument(
        "--opset",
        type=number(int, 1),
        default=18,
        metavar="N",
        help="the version of ONNX's operators, from 13 on (18)",
    )
    parser.add_argument(
        "--input-shape",
        type=image_shape,
        metavar="CxHxW",
        help="channels, height and width of the images (default: the model's)",
    )
    add_options(parser)
    parser.set_defaults(run=run, image=None)


def run(options) -> None:
    import numpy as np

    from ..autograd import no_grad
    from ..interop import write_atomically
    from ..onnx.exporting import model_proto
    from ..tensor import zeros
    from ..training.file_notes import noted

    check_suffix(options.file)
    found, untrained = find_model(options.model, options, colours=False)
    shape = options.input_shape
    if shape is None:
        black = np.zeros((found.channels, 224, 224), np.float32)
        shape = found.transform(black).shape
    images = zeros(1, *shape)
    with no_grad():
        try:
            found.model(images)
        except (ValueError, RuntimeError, TypeError) as error:
            size = "x".join(map(str, shape))
            raise CommandError(f"{found.name} cannot take images of {size}: {error}") from error
    proto = model_proto(
        found.model, images, ["images"], ["scores"], {"images": {0: "N"}}, options.opset
    )
    if not untrained and normalises(found.transform):
        for key, value in noted(found).items():
            proto.metadata_props.add(key=key, value=value)
    data = proto.SerializeToString()
    write_atomically(options.file, data)
    end = f", of {found.name} with {untrained}" if untrained else ""
    print(f"wrote {options.file} ({len(data) / 2**20:.1f} MiB), opset {options.opset}{end}")


def normalises(transform: Any) -> bool:
    """Whether it is known how images are normalised, which an ONNX file may not say."""
    from ..data.transforms import Normalize

    return any(isinstance(step, Normalize) for step in transform.transforms)


def check_suffix(path: Path) -> None:
    """Raises: CommandError for a file with another suffix than .onnx."""
    if path.suffix.lower() != ".onnx":
        raise CommandError(f"{path} must end in .onnx")
