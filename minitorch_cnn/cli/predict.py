"""minitorch-cnn predict: what the model of a run sees in image files, or in all their pixels."""

from __future__ import annotations

import csv
import io
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from .foreign import add_options, load_file, refuse_options, run_folder
from .parser import CommandError, Parser, add_device, file_path, number, sentence

DESCRIPTION = """\
Let the model of a finished run name the classes of images, the likeliest first. An image may have
any size and any format that Pillow reads: it is made grey if the model looks at grey images, its
shorter side is scaled to the size of those the model has learned, and the middle is taken.

A model that labels pixels takes the image as it is, and a mask of the same size is written: a PNG
whose values are the numbers of the classes.

IMAGE is a file, a folder (of whose images, and those in folders below it, all are taken), or - for
the names of files on standard input, one on each line. An image that cannot be read is named, the
others go on, and the exit code is 2 in the end.

A run of a net in a file is loaded with the copy of that file in its folder, which is executed.

examples:
  minitorch-cnn predict runs/lenet5-digits three.png seven.jpg
  minitorch-cnn predict runs/lenet5-digits scan.png --invert   dark ink on paper
  minitorch-cnn predict runs/lenet5-digits three.png --top 10
  minitorch-cnn predict runs/lenet5-digits photos --csv classes.csv
  find . -name '*.png' | minitorch-cnn predict runs/lenet5-digits -
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
    parser.add_argument(
        "images", type=file_path, nargs="+", metavar="IMAGE", help="image files, folders, or -"
    )
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
    parser.add_argument(
        "--csv",
        type=file_path,
        metavar="FILE",
        help="write them into a table, too: image, class 1, share 1, class 2, ...",
    )
    add_options(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> int:
    from ..training import load_run

    if options.weights is None:
        refuse_options(options)
        trained = load_run(run_folder(options.model))
    else:
        trained = load_file(options.model, options.weights, options)
    if options.csv is not None and not options.csv.resolve().parent.is_dir():
        raise CommandError(f"--csv {options.csv} must be in a folder that is there")
    trained.model.to(device=options.device)
    told = Told(trained.classes, options.top)
    images = Images(options.images, trained, options.invert)
    if trained.of_pixels:
        write_masks(trained, images, told, options.out)
    else:
        name_classes(trained, images, told)
    if options.csv is not None:
        told.save_csv(options.csv)
    return 2 if images.failed else 0


class Images:
    """The images that were named as a model's inputs: those that can be read, as they come.

    The others are named on standard error, and counted in `failed`.

    Raises: ValueError for a folder without images.
    """

    def __init__(self, named: list[Path], trained, invert: bool):
        self.named, self.trained, self.invert, self.failed = named, trained, invert, 0

    def paths(self) -> Iterator[Path]:
        from ..data.datasets.folder import find_images

        for path in self.named:
            if str(path) == "-":
                yield from named_on_stdin()
            elif path.is_dir():
                found = find_images(path)
                if not found:
                    raise ValueError(f"predict: {path} has no images")
                yield from found
            else:
                yield path

    def __iter__(self) -> Iterator[tuple[Path, np.ndarray]]:
        return self.read(self.paths())

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, np.ndarray]]:
        for path in paths:
            try:
                yield path, prepare(path, self.trained, self.invert)
            except (OSError, ValueError) as error:
                self.failed += 1
                print(f"minitorch-cnn: {sentence(error)}", file=sys.stderr, flush=True)


def named_on_stdin() -> Iterator[Path]:
    """The names of files on standard input, a line each, in whatever letters they are."""
    if sys.stdin is None:
        raise CommandError("- takes names of files from standard input, which is closed")
    for line in getattr(sys.stdin, "buffer", sys.stdin):
        name = os.fsdecode(line).rstrip("\r\n")
        if name:
            yield file_path(name)


class Told:
    """What is said of the images: a line for each at once, and all of it as a table."""

    def __init__(self, classes: list[str], count: int):
        self.classes, self.count = classes, count
        self.rows: list[list] = []

    def tell(self, path: Path, shares: np.ndarray, more: str = "") -> None:
        """The classes with the largest shares, in words."""
        from ..training.class_names import printable

        best = np.argsort(-shares, kind="stable")[: self.count]
        text = ", ".join(f"{printable(self.classes[k])} {shares[k]:.1%}" for k in best)
        print(f"{path}: {text}{more}", flush=True)
        self.rows.append([path, *(cell for k in best for cell in (self.classes[k], shares[k]))])

    def save_csv(self, path: Path) -> None:
        from ..interop import write_atomically

        count = min(self.count, len(self.classes))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        pairs = (cell for i in range(1, count + 1) for cell in (f"class {i}", f"share {i}"))
        writer.writerow(["image", *pairs])
        writer.writerows(self.rows)
        # Names of files may be no text: they are written as they are.
        write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def name_classes(trained, images: Images, told: Told) -> None:
    """A line for each image: its likeliest classes. The first comes at once, then more together."""
    size = most = 1
    if Path("-") not in images.named:  # whoever writes the names may wait for each answer
        most = BATCH
    images = iter(images)
    while batch := list(itertools.islice(images, size)):
        paths, inputs = zip(*batch, strict=True)
        for path, row in zip(paths, probabilities(trained.model, np.stack(inputs)), strict=True):
            told.tell(path, row)
        size = min(2 * size, most)


def write_masks(trained, images: Images, told: Told, out: Path) -> None:
    """A mask for each image, and a line: the classes with most pixels."""
    paths = list(images.paths())
    masks = {path: out / f"{path.stem}-mask.png" for path in paths}
    owners = Counter(masks.values())
    for path, mask in masks.items():
        if owners[mask] > 1:
            raise CommandError(f"{path} is one of several images whose mask would be {mask}")
    for path, x in images.read(paths):
        labels = probabilities(trained.model, x[None])[0].argmax(0)  # (H, W)
        out.mkdir(parents=True, exist_ok=True)
        write_mask(masks[path], labels, len(trained.classes))
        shares = np.bincount(labels.ravel(), minlength=len(trained.classes)) / labels.size
        told.tell(path, shares, f"; {masks[path]}")


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
