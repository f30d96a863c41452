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
from typing import TYPE_CHECKING

import numpy as np

from .foreign import add_options, load_file, load_folder
from .parser import (
    CommandError,
    Parser,
    add_device,
    file_path,
    folder_to_fill,
    new_file,
    number,
    sentence,
)
from .subjects import add_drawing

if TYPE_CHECKING:
    from ..training.trained import Prepared, Trained

DESCRIPTION = """\
Let the model of a finished run name the classes of images, the likeliest first. An image may have
any size and any format that Pillow reads: it is made grey if the model looks at grey images, its
shorter side is scaled to the size of those the model has learned, and the middle is taken.

If the model has learned drawings on a plain ground, as digits are, a drawing that is dark where
they are light is inverted, and one of another size or out of the middle is cropped and centred as
they are; the line of the image says so. --saw keeps pictures of what the model then saw.

A model that labels pixels takes the image as it is, and a mask of the same size is written: a PNG
whose values are the numbers of the classes.

IMAGE is a file, a folder (of whose images, and those in folders below it, all are taken), or - for
the names of files on standard input, one on each line. An image that cannot be read is named, the
others go on, and the exit code is 2 in the end.

A run of a net in a file is loaded with the copy of that file in its folder, which is executed.

examples:
  minitorch-cnn predict runs/lenet5-digits three.png seven.jpg
  minitorch-cnn predict runs/lenet5-digits scan.png --saw seen     writes seen/scan-seen.png
  minitorch-cnn predict runs/lenet5-digits three.png --top 10
  minitorch-cnn predict runs/lenet5-digits photos --csv classes.csv
  find . -name '*.png' | minitorch-cnn predict runs/lenet5-digits -
  minitorch-cnn predict runs/fcn8s-shapes scene.png --out masks    writes masks/scene-mask.png
  minitorch-cnn predict alexnet photo.jpg --weights alexnet.pth --classes imagenet.txt"""

BATCH = 64
SEEN = 256  # pixels a side at least of a picture of what the model saw


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
    add_drawing(parser)
    parser.add_argument(
        "--saw",
        type=folder_to_fill,
        metavar="DIR",
        help="the folder for pictures of what the model saw, enlarged",
    )
    parser.add_argument(
        "--out",
        type=folder_to_fill,
        default=Path(),
        metavar="DIR",
        help="the folder for masks (the current one)",
    )
    parser.add_argument(
        "--csv",
        type=new_file,
        metavar="FILE",
        help="write them into a table, too: image, class 1, share 1, class 2, ...",
    )
    add_options(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> int:
    if options.weights is None:
        trained = load_folder(options.model, options)
    else:
        trained = load_file(options.model, options.weights, options)
    trained.model.to(device=options.device)
    told = Told(trained.classes or [], options.top)
    images = Images(options.images, trained, options)
    if trained.of_pixels and options.saw is not None:
        raise CommandError("--saw is for models that name classes: one of pixels sees all of them")
    if trained.of_pixels:
        write_masks(trained, images, told, options.out)
    else:
        name_classes(trained, images, told, options.saw)
    if options.csv is not None:
        told.save_csv(options.csv)
    return 2 if images.failed else 0


class Images:
    """The images that were named as a model's inputs: those that can be read, as they come.

    The others are named on standard error, and counted in `failed`.

    Raises: ValueError for a folder without images.
    """

    def __init__(self, named: list[Path], trained: Trained, options):
        self.named, self.trained, self.failed = named, trained, 0
        self.how = {"invert": options.invert, "as_is": options.as_is}

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

    def __iter__(self) -> Iterator[tuple[Path, Prepared]]:
        return self.read(self.paths())

    def read(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Prepared]]:
        from ..training.trained import prepare

        for path in paths:
            try:
                yield path, prepare(path, self.trained, **self.how)
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


def name_classes(trained, images: Images, told: Told, saw: Path | None) -> None:
    """A line for each image: its likeliest classes. The first comes at once, then more together.

    saw: a folder for pictures of what the model saw.
    """
    size = most = 1
    if Path("-") not in images.named:  # whoever writes the names may wait for each answer
        most = BATCH
    paths = images.paths()
    pictures: dict[Path, Path] = {}
    if saw is not None:
        pictures = written_to(list(paths), saw, "seen", "the picture of what the model saw")
        paths = iter(pictures)
    found = images.read(paths)
    while batch := list(itertools.islice(found, size)):
        inputs = np.stack([prepared.x for _, prepared in batch])
        for (path, prepared), row in zip(batch, probabilities(trained.model, inputs), strict=True):
            ends = [prepared.said] if prepared.said else []
            if path in pictures:
                write_seen(pictures[path], prepared.image, trained.transform)
                ends.append(str(pictures[path]))
            told.tell(path, row, "".join(f"; {end}" for end in ends))
        size = min(2 * size, most)


def written_to(paths: list[Path], folder: Path, what: str, words: str) -> dict[Path, Path]:
    """The PNG that is written for each image. Raises: CommandError if two would have the same."""
    places = {path: folder / f"{path.stem}-{what}.png" for path in paths}
    owners = Counter(places.values())
    for path, place in places.items():
        if owners[place] > 1:
            rule = f"is one of several images for which {words} would be {place}"
            raise CommandError(f"{path} {rule}")
    return places


def write_seen(path: Path, image: np.ndarray, transform) -> None:
    """What a model sees of an image (C, H, W), before its values are scaled, as an enlarged PNG."""
    from ..data.transforms import Compose, Normalize
    from ..training.input_transform import with_channels_reversed

    steps = transform.transforms
    colours = [s for s in steps if s is with_channels_reversed or isinstance(s, Normalize)]
    shown = [step for step in steps if step not in colours]
    seen = np.rint(255 * np.clip(Compose(shown)(image), 0, 1)).astype(np.uint8)
    times = max(1, -(-SEEN // min(seen.shape[-2:])))
    seen = seen.repeat(times, axis=1).repeat(times, axis=2)
    pixels = seen[0] if len(seen) == 1 else seen.transpose(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, pillow().fromarray(np.ascontiguousarray(pixels)))


def write_masks(trained, images: Images, told: Told, out: Path) -> None:
    """A mask for each image, and a line: the classes with most pixels."""
    masks = written_to(list(images.paths()), out, "mask", "the mask")
    for path, prepared in images.read(masks):
        labels = probabilities(trained.model, prepared.x[None])[0].argmax(0)  # (H, W)
        out.mkdir(parents=True, exist_ok=True)
        write_mask(masks[path], labels, len(trained.classes))
        shares = np.bincount(labels.ravel(), minlength=len(trained.classes)) / labels.size
        told.tell(path, shares, f"; {masks[path]}")


def write_mask(path: Path, labels: np.ndarray, num_classes: int) -> None:
    """labels (H, W) as a PNG with a colour for each class."""
    from ..training.plots import class_colours

    image = pillow().fromarray(labels.astype(np.uint8), mode="P")
    image.putpalette(class_colours(num_classes).tobytes())
    write_png(path, image)


def pillow():
    """Pillow's Image. Raises: ImportError without Pillow."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("predict: needs Pillow (pip install pillow)") from error
    return Image


def write_png(path: Path, image) -> None:
    from ..interop import write_atomically

    content = io.BytesIO()
    image.save(content, format="png")
    write_atomically(path, content.getvalue())


def probabilities(model, x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) -> (N, classes), or (N, classes, H, W) of pixels; classes add up to 1."""
    from ..autograd import no_grad
    from ..functional import softmax
    from ..tensor import Tensor
    from ..training.metrics import place_of

    with no_grad():
        return softmax(model(Tensor(x).to(device=place_of(model))), dim=1).cpu().numpy()
