"""minitorch-cnn predict: what the model of a run sees in image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .parser import Parser, number

DESCRIPTION = """\
Let the model of a finished run name the classes of images, the likeliest first. An image may have
any size and any format that Pillow reads: it is made grey if the model looks at grey images, its
shorter side is scaled to the size of those the model has learned, and the middle is taken.

examples:
  minitorch-cnn predict runs/lenet5-digits three.png seven.jpg
  minitorch-cnn predict runs/lenet5-digits scan.png --invert   dark ink on paper
  minitorch-cnn predict runs/lenet5-digits three.png --top 10"""

BATCH = 64


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "predict", help="name the classes of image files", description=DESCRIPTION
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="the folder of the run")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument(
        "--top", type=number(int, 1), default=3, metavar="N", help="classes per image (3)"
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="exchange dark and light: the digits are light on dark, ink on paper is not",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..training import load_run

    trained = load_run(options.directory)
    inputs = [prepare(path, trained, options.invert) for path in options.images]
    for first in range(0, len(inputs), BATCH):
        part = slice(first, first + BATCH)
        shares = probabilities(trained.model, np.stack(inputs[part]))
        for path, row in zip(options.images[part], shares, strict=True):
            best = np.argsort(-row, kind="stable")[: options.top]
            print(f"{path}: " + ", ".join(f"{trained.classes[k]} {row[k]:.1%}" for k in best))


def prepare(path: Path, trained, invert: bool) -> np.ndarray:
    """An image file as the model's input (C, H, W)."""
    from ..data.datasets import read_image

    image = read_image(path, trained.channels)
    return trained.transform(1 - image if invert else image)


def probabilities(model, x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) -> (N, classes), each row of sum 1."""
    from ..autograd import no_grad
    from ..functional import softmax
    from ..tensor import Tensor

    with no_grad():
        return softmax(model(Tensor(x)), dim=1).numpy()
