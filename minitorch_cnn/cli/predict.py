"""minitorch-cnn predict: what the model of a run sees in image files, or in all their pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from .foreign import add_options, load_file, refuse_options
from .parser import CommandError, Parser, add_device, file_path, number

DESCRIPTION = """\
Let the model of a finished run name the classes of images, the likeliest first. An image may have
any size and any format that Pillow reads: it is made grey if the model looks at grey images, its
shorter side is scaled to the size of those the model has learned, and the middle is taken.

A model that labels pixels takes the image as it is, and a mask of the same size is written: a PNG
whose values are the numbers of the classes.

examples:
  minitorch-cnn predict runs/lenet5-digits three.png seven.jpg
  minitorch-cnn predict runs/lenet5-digits scan.png --invert   dark ink on paper
  minitorch-cnn predict runs/lenet5-digits three.png --top 10
  minitorch-cnn predict runs/fcn8s-shapes scene.png --out masks    writes masks/scene-mask.png
  minitorch-cnn predict alexnet photo.jpg --weights alexnet.pth --classes imagenet.txt"""

BATCH = 64


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "predict", help="name the classes of image files", description=DESCRIPTION
    )
    parser.add_argument(
        "model", metavar="DIR", help="the folder of the run; with --weights a MODEL"
    )
    parser.add_argument("images", type=file_path, nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument(
        "--top", type=number(int, 1), default=5, metavar="N", help="classes per image (5)"
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="exchange dark and light: the digits are light on dark, ink on paper is not",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        default=Path(),
        metavar="DIR",
        help="the folder for masks (the current one)",
    )
    add_options(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..training import load_run

    if options.weights is None:
        refuse_options(options)
        trained = load_run(file_path(options.model))
    else:
        trained = load_file(options.model, options.weights, options)
    trained.model.to(device=options.device)
    if trained.of_pixels:
        write_masks(trained, options)
    else:
        name_classes(trained, options)


def name_classes(trained, options) -> None:
    """A line for each image: its likeliest classes."""
    inputs = [prepare(path, trained, options.invert) for path in options.images]
    for first in range(0, len(inputs), BATCH):
        part = slice(first, first + BATCH)
        shares = probabilities(trained.model, np.stack(inputs[part]))
        for path, row in zip(options.images[part], shares, strict=True):
            print(f"{path}: {largest(row, trained.classes, options.top)}")


def write_masks(trained, options) -> None:
    """A mask for each image, and a line: the classes with most pixels."""
    masks = [options.out / f"{path.stem}-mask.png" for path in options.images]
    for path, mask in zip(options.images, masks, strict=True):
        if masks.count(mask) > 1:
            raise CommandError(f"{path} is one of several images whose mask would be {mask}")
    inputs = [prepare(path, trained, options.invert) for path in options.images]
    options.out.mkdir(parents=True, exist_ok=True)
    for path, mask, x in zip(options.images, masks, inputs, strict=True):
        labels = probabilities(trained.model, x[None])[0].argmax(0)  # (H, W)
        write_mask(mask, labels, len(trained.classes))
        shares = np.bincount(labels.ravel(), minlength=len(trained.classes)) / labels.size
        print(f"{path}: {largest(shares, trained.classes, options.top)}; {mask}")


def write_mask(path: Path, labels: np.ndarray, num_classes: int) -> None:
    """labels (H, W) as a PNG with a colour for each class."""
    from ..interop import write_atomically
    from ..training.plots import class_colours

    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("predict: needs Pillow (pip install pillow)") from error
    image = Image.fromarray(labels.astype(np.uint8), mode="P")
    image.putpalette(class_colours(num_classes).tobytes())
    content = io.BytesIO()
    image.save(content, format="png")
    write_atomically(path, content.getvalue())


def largest(shares: np.ndarray, classes: list[str], count: int) -> str:
    """The classes with the largest shares, in words."""
    best = np.argsort(-shares, kind="stable")[:count]
    return ", ".join(f"{classes[k]} {shares[k]:.1%}" for k in best)


def prepare(path: Path, trained, invert: bool) -> np.ndarray:
    """An image file as the model's input (C, H, W)."""
    from ..data.datasets import read_image

    image = read_image(path, trained.channels)
    return trained.transform(1 - image if invert else image)


def probabilities(model, x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) -> (N, classes), or (N, classes, H, W) of pixels; classes add up to 1."""
    from ..autograd import no_grad
    from ..functional import softmax
    from ..tensor import Tensor
    from ..training.metrics import place_of

    with no_grad():
        return softmax(model(Tensor(x).to(device=place_of(model))), dim=1).cpu().numpy()
