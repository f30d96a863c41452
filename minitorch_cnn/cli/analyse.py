"""minitorch-cnn analyse: what a network does, and what it has learned."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .analyses import ANALYSES
from .parser import CommandError, Parser, file_path, model_name, nearest, number

LISTED = "\n".join(f"  {name:16} {analysis.help}" for name, analysis in ANALYSES.items())
DESCRIPTION = f"""\
Look into a network: print what WHAT finds in it, and draw it into a file. A run is looked at with
the images that it has not learned from; a MODEL is new, and sees handwritten digits.

WHAT is one of
{LISTED}

examples:
  minitorch-cnn analyse signals vgg11 --plot signals.png
  minitorch-cnn analyse lesions runs/resnet20_cifar-digits --plot lesions.png
  minitorch-cnn analyse maps runs/lenet5-digits --layer c1 --plot maps.png
  minitorch-cnn analyse graph googlenet --plot graph.svg
  minitorch-cnn analyse degradation plain20_cifar --against plain56_cifar --plot errors.png"""


class Subject(NamedTuple):
    """What is looked at: a model in evaluation mode, images x (N, C, H, W) and labels (N,).

    boxes (N, 4): left, top, right, bottom of what the images show, where it is known. make: a new
    model of the same kind.
    """

    name: str
    model: object
    x: object
    labels: np.ndarray
    classes: list[str]
    boxes: np.ndarray | None
    make: Callable[[], object]


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "analyse", help="what a network does, and has learned", description=DESCRIPTION
    )
    parser.add_argument("what", choices=list(ANALYSES), metavar="WHAT", help="one of the above")
    parser.add_argument(
        "subject",
        metavar="RUN_OR_MODEL",
        help="the folder of a run, or a name that minitorch-cnn models lists",
    )
    parser.add_argument(
        "--plot",
        type=file_path,
        metavar="FILE",
        help="draw it into FILE; its ending says in which format, as .png or .pdf",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="the layer to look at, as minitorch-cnn summary names it; for "
        + ", ".join(name for name, analysis in ANALYSES.items() if "layer" in analysis.takes),
    )
    parser.add_argument(
        "--images",
        type=number(int, 1),
        default=64,
        metavar="N",
        help="how many images to look with (64)",
    )
    parser.add_argument(
        "--against",
        type=model_name,
        nargs="+",
        default=[],
        metavar="MODEL",
        help="degradation: other models to train, such as deeper ones",
    )
    parser.add_argument(
        "--epochs", type=number(int, 1), metavar="N", help="degradation: of training (10)"
    )
    parser.add_argument(
        "--seed", type=number(int, 0), default=0, help="of what is drawn at random (0)"
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..backend import manual_seed

    analysis = ANALYSES[options.what]
    for name in ("layer", "against", "epochs"):
        if getattr(options, name) and name not in analysis.takes:
            raise CommandError(f"--{name} is not for {options.what}")
    manual_seed(options.seed)
    subject = load_subject(options.subject, options.images)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        try:
            text, save = analysis.run(subject, options)
        except KeyError as error:
            names = [name for name, _ in subject.model.named_modules() if name]
            near = nearest(options.layer, names) if options.layer else ""
            raise CommandError(str(error.args[0]).partition(": ")[2] + near) from None
    print(text)
    for note in notes:
        print(f"note: {note.message}")
    if options.plot is not None:
        save(options.plot)
        print(f"wrote {options.plot}")


def load_subject(name: str, images: int) -> Subject:
    """A run with images that were held out, or a new model with digits in its size."""
    directory = file_path(name)
    return of_run(directory, images) if directory.is_dir() else of_model(name, images)


def of_run(directory: Path, images: int) -> Subject:
    from ..tensor import Tensor
    from ..training import load_run
    from ..training.config import make_model, source_of

    found = load_run(directory)
    if found.of_pixels:
        raise CommandError(f"{directory} labels pixels; analyse looks at nets that label images")
    source = source_of(found.config, found.transform)
    if source.note:
        print(source.note, file=sys.stderr)
    data = source.test
    chosen = spread(len(data), images)
    x, labels = zip(*(data[i] for i in chosen), strict=True)
    boxes = data.boxes[chosen, 0] if hasattr(data, "boxes") else None
    return Subject(
        found.config["model"],
        found.model,
        Tensor(np.stack(x)),
        np.array(labels),
        found.classes,
        boxes,
        lambda: make_model(found.config),
    )


def of_model(name: str, images: int) -> Subject:
    from ..data.datasets import Digits
    from ..data.transforms import resize
    from ..models import create_model, model_entry
    from ..tensor import Tensor

    try:
        name = model_name(name)
    except argparse.ArgumentTypeError as error:
        raise CommandError(f"{name} is no folder of a run, and {error}") from None
    entry = model_entry(name)
    if entry.of_pixels:
        raise CommandError(f"{name} labels pixels; analyse looks at nets that label images")
    digits = Digits(train=False)
    chosen = spread(len(digits), images)
    channels, height, _ = entry.input_shape
    # Means and deviations that a net expects of its images, whatever they show.
    pixels = (digits.images[chosen] - digits.images.mean()) / digits.images.std()
    x = np.repeat(resize(pixels.astype(np.float32), height), channels, axis=1)

    def make():
        return create_model(name, num_classes=len(digits.classes))

    model = make().eval()
    return Subject(name, model, Tensor(x), digits.labels[chosen], digits.classes, None, make)


def spread(count: int, wanted: int) -> np.ndarray:
    """So many of the indices below count, evenly spread; all if there are fewer."""
    return np.linspace(0, count - 1, min(wanted, count)).astype(int)
