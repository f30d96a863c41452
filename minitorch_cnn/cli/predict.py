"""minitorch-cnn predict: classify image files, or their pixels, by the model of a run."""

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
from .onnx_files import is_onnx, load_onnx
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
Classify images by the model of a finished run, the likeliest classes first. An image may have any
size and any format that Pillow reads. It is converted to grey for a model of grey images, its
shorter side is scaled to the size of the training images, and the middle is taken.

If the model was trained on drawings on a plain background, such as digits, a drawing with light and
dark exchanged is inverted, and one of another size or position is cropped and centred; its line of
output says so. --saw writes the images that the model then saw.

A model that labels pixels takes the whole image, and writes a mask of the same size: a PNG whose
values are the numbers of the classes.

IMAGE is a file, a folder (all images in it and its subfolders), or - for the names of files on
standard input, one per line. An image that cannot be read is reported and skipped, and the exit
code is 2 in the end.

A run of a net in a file is loaded by executing the copy of that file in the run's folder.

examples:
  minitorch-cnn predict runs/lenet5-digits three.png seven.jpg
  minitorch-cnn predict runs/lenet5-digits scan.png --saw seen     writes seen/scan-seen.png
  minitorch-cnn predict runs/lenet5-digits three.png --top 10
  minitorch-cnn predict runs/lenet5-digits photos --csv classes.csv
  find . -name '*.png' | minitorch-cnn predict runs/lenet5-digits -
  minitorch-cnn predict runs/fcn8s-shapes scene.png --out masks    writes masks/scene-mask.png
  minitorch-cnn predict alexnet photo.jpg --weights alexnet.pth --classes imagenet.txt
  minitorch-cnn predict net.onnx photo.jpg --mean 0.5 --std 0.5 --classes names.txt"""

BATCH = 8
SEEN = 256  # the least side, in pixels, of an image written by --saw


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "predict", help="classify image files", description=DESCRIPTION
    )
    parser.add_argument(
        "model",
        metavar="DIR",
        help="the folder of the run, or FILE.onnx; with --weights a MODEL",
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
        help="the folder for enlarged images of what the model saw",
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
        help="also write a table: image, class 1, share 1, class 2, ...",
    )
    add_options(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> int:
    from .fast import Fast

    trained = load_trained(options)
    trained.model.to(device=options.device)
    trained = trained._replace(model=Fast(trained.model))
    told = Told(trained.classes or [], options.top)
    images = Images(options.images, trained, options)
    if trained.of_pixels and options.saw is not None:
        raise CommandError("--saw is for models that classify images, not pixels")
    if trained.of_pixels:
        write_masks(trained, images, told, options.out)
    else:
        name_classes(trained, images, told, options.saw)
    if options.csv is not None:
        told.save_csv(options.csv)
    return 2 if images.failed else 0


def load_trained(options) -> Trained:
    """The model of a run, of an ONNX file, or with weights from a file."""
    if is_onnx(options.model):
        return load_onnx(options.model, options)
    if options.weights is None:
        return load_folder(options.model, options)
    return load_file(options.model, options.weights, options)


class Images:
    """The named images as a model's inputs, one by one.

    Those that cannot be read are reported on standard error, and counted in `failed`.

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
    """The names of files on standard input, one per line, in any encoding."""
    if sys.stdin is None:
        raise CommandError("- needs names of files on standard input, which is closed")
    for line in getattr(sys.stdin, "buffer", sys.stdin):
        name = os.fsdecode(line).rstrip("\r\n")
        if name:
            yield file_path(name)


class Told:
    """The results: a line for each image at once, and a table of all."""

    def __init__(self, classes: list[str], count: int):
        self.classes, self.count = classes, count
        self.rows: list[list] = []

    def tell(self, path: Path, shares: np.ndarray, more: str = "") -> None:
        """Print the classes with the largest shares."""
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
        # Names of files need not be valid text; their bytes are written unchanged.
        write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def name_classes(trained, images: Images, told: Told, saw: Path | None) -> None:
    """Print a line for each image: its likeliest classes. The first image runs alone, the others in
    batches of one size, for which the model is compiled once.

    saw: a folder for images of what the model saw.
    """
    size, waits = 1, Path("-") in images.named  # the writer of the names may wait for each answer
    paths = images.paths()
    pictures: dict[Path, Path] = {}
    if saw is not None:
        pictures = written_to(list(paths), saw, "seen", "the image of what the model saw")
        paths = iter(pictures)
    found = images.read(paths)
    while batch := list(itertools.islice(found, size)):
        inputs = np.stack([prepared.x for _, prepared in batch])
        parts = np.split(inputs, len(batch) if len(batch) < size else 1)
        rows = [row for part in parts for row in probabilities(trained.model, part)]
        for (path, prepared), row in zip(batch, rows, strict=True):
            ends = [prepared.said] if prepared.said else []
            if path in pictures:
                write_seen(pictures[path], prepared.image, trained.transform)
                ends.append(str(pictures[path]))
            told.tell(path, row, "".join(f"; {end}" for end in ends))
        size = 1 if waits else BATCH


def written_to(paths: list[Path], folder: Path, what: str, words: str) -> dict[Path, Path]:
    """The PNG for each image. Raises: CommandError if two images would have the same."""
    places = {path: folder / f"{path.stem}-{what}.png" for path in paths}
    owners = Counter(places.values())
    for path, place in places.items():
        if owners[place] > 1:
            rule = f"is one of several images for which {words} would be {place}"
            raise CommandError(f"{path} {rule}")
    return places


def write_seen(path: Path, image: np.ndarray, transform) -> None:
    """Write an enlarged PNG of an image (C, H, W) as the model sees it, before normalisation."""
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
    """Write a mask for each image, and print a line: the classes with most pixels."""
    masks = written_to(list(images.paths()), out, "mask", "the mask")
    for path, prepared in images.read(masks):
        labels = probabilities(trained.model, prepared.x[None])[0].argmax(0)  # (H, W)
        out.mkdir(parents=True, exist_ok=True)
        write_mask(masks[path], labels, len(trained.classes))
        shares = np.bincount(labels.ravel(), minlength=len(trained.classes)) / labels.size
        told.tell(path, shares, f"; {masks[path]}")


def write_mask(path: Path, labels: np.ndarray, num_classes: int) -> None:
    """Write labels (H, W) as a PNG with a colour for each class."""
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
    """x (N, C, H, W) -> (N, classes), or (N, classes, H, W) for pixels; classes sum to 1."""
    from ..autograd import no_grad
    from ..functional import softmax
    from ..tensor import Tensor
    from ..training.metrics import place_of

    with no_grad():
        return softmax(model(Tensor(x).to(device=place_of(model))), dim=1).cpu().numpy()
