"""minitorch-cnn explore: a network as one page for the browser."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from .parser import CommandError, Parser, file_path, model_name

DESCRIPTION = """\
Write a page that shows a network: its layers as a graph to click through, with what each costs and
sees; what each makes of a digit; and a convolution to play with. The page is one file, needs no
network and runs in any browser of today.

examples:
  minitorch-cnn explore                           LeNet-5, untrained
  minitorch-cnn explore runs/lenet5-digits        what a run has learned
  minitorch-cnn explore resnet50 --out resnet50.html"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "explore", help="a network as a page to click through", description=DESCRIPTION
    )
    parser.add_argument(
        "model",
        nargs="?",
        default="lenet5",
        metavar="MODEL",
        help="the folder of a run, or a name that minitorch-cnn models lists (lenet5)",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        metavar="FILE",
        help="the page (MODEL.html, or explorer.html in a run)",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..analysis.explorer import explore
    from ..data.datasets import Digits

    digits = Digits(train=False)
    first = [int(np.flatnonzero(digits.labels == digit)[0]) for digit in range(10)]
    small = np.stack([digits[k][0][0] for k in first])
    directory = file_path(options.model)
    if directory.is_dir():
        model, images, classes, name = trained(directory, small)
        out = options.out or directory / "explorer.html"
    else:
        model, images, classes, name = untrained(options.model, small)
        out = options.out or Path(f"{name}.html")
    explore(model, images, list("0123456789"), small * 16, out, name, classes)
    print(f"wrote {out} ({out.stat().st_size / 2**20:.1f} MiB)")


def trained(directory: Path, digits: np.ndarray):
    """The model of a run, the digits as it takes them, its classes and its name."""
    from ..training import load_run

    found = load_run(directory)
    image = np.repeat(digits[:, None], found.channels, axis=1).astype(np.float32)
    images = np.stack([found.transform(x) for x in image])
    return found.model, images, found.classes, found.config["model"]


def untrained(name: str, digits: np.ndarray):
    """A registered model with first weights, the digits in its size, None and its name."""
    from ..backend import manual_seed
    from ..data.transforms import resize
    from ..models import create_model, model_entry

    try:
        name = model_name(name)
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"{name} is no folder of a run, and {error}") from None
    manual_seed(0)
    channels, height, _ = model_entry(name).input_shape
    images = resize(digits[:, None].astype(np.float32), height)
    return create_model(name), np.repeat(images, channels, axis=1), None, name
