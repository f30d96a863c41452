"""minitorch-cnn analyse: how a network works, and what it has learned."""

from __future__ import annotations

import sys
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .analyses import ANALYSES
from .foreign import add_options
from .onnx_files import is_onnx, refuse_onnx
from .parser import (
    CommandError,
    Parser,
    check_ending,
    file_path,
    model_name,
    new_file,
    number,
    sentence,
)
from .subjects import OF_PIXELS, add_image, find_model, read_images, refuse_without_image

LISTED = "\n".join(f"  {name:16} {analysis.help}" for name, analysis in ANALYSES.items())
DESCRIPTION = f"""\
Analyse a network: print the result of the analysis WHAT, and draw it into a file. A run is analysed
with its held-out images. A MODEL is untrained and sees handwritten digits; with --weights it sees
--data. --image replaces these images by files of yours.

WHAT is one of
{LISTED}

examples:
  minitorch-cnn analyse signals vgg11 --plot signals.png
  minitorch-cnn analyse lesions runs/resnet20_cifar-digits --plot lesions.png
  minitorch-cnn analyse maps runs/lenet5-digits --layer c1 --plot maps.png
  minitorch-cnn analyse graph googlenet --plot graph.svg
  minitorch-cnn analyse maps net.py:Net --plot maps.png
  minitorch-cnn analyse grad-cam resnet18 --weights resnet18.pth --image cat.jpg --plot cat.png
  minitorch-cnn analyse degradation plain20_cifar --against plain56_cifar --plot errors.png
  minitorch-cnn analyse claims label-smoothing --plot claim.png"""


class Subject(NamedTuple):
    """A model in evaluation mode, with images x (N, C, H, W) and labels (N,).

    boxes (N, 4): left, top, right, bottom of the objects, if known. said: a note on the weights and
    the images. given: the model's name as given, which finds it again.
    """

    name: str
    model: object
    x: object
    labels: np.ndarray | None
    classes: list[str]
    boxes: np.ndarray | None
    said: list[str]
    given: str = ""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "analyse", help="analyse a network or a trained run", description=DESCRIPTION
    )
    parser.add_argument("what", choices=list(ANALYSES), metavar="WHAT", help="one of the above")
    parser.add_argument(
        "subject",
        nargs="?",
        metavar="RUN_OR_MODEL",
        help="the folder of a run, a name that minitorch-cnn models lists, FILE.py:NAME, or "
        "FILE.onnx; for claims the name of one",
    )
    parser.add_argument(
        "--plot",
        type=new_file,
        metavar="FILE",
        help="draw it into FILE, in the format of its suffix, such as .pdf; beside a .png "
        "of lines or bars an .svg is written",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="the layer to analyse, as minitorch-cnn summary names it; for "
        + ", ".join(name for name, analysis in ANALYSES.items() if "layer" in analysis.takes),
    )
    parser.add_argument(
        "--images",
        type=number(int, 1),
        default=64,
        metavar="N",
        help="the number of images (64)",
    )
    add_image(parser)
    parser.add_argument(
        "--data",
        nargs="+",
        metavar=("NAME", "PATH"),
        help="with --weights or FILE.onnx: folder PATH, or another data set of minitorch-cnn train",
    )
    parser.add_argument(
        "--against",
        type=model_name,
        nargs="+",
        default=[],
        metavar="MODEL",
        help="degradation: other models to train, for example deeper ones",
    )
    parser.add_argument(
        "--epochs",
        type=number(int, 1),
        metavar="N",
        help="degradation and claims: epochs of training (10, and those of the claim)",
    )
    parser.add_argument(
        "--seed", type=number(int, 0), default=0, help="the seed of random numbers (0)"
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..random import manual_seed

    analysis = ANALYSES[options.what]
    for name in ("layer", "against", "epochs"):
        if getattr(options, name) and name not in analysis.takes:
            raise CommandError(f"--{name} is not for {options.what}")
    if options.plot is not None:
        check_ending(options.plot, analysis.endings())
    manual_seed(options.seed)
    if options.what == "degradation" and options.subject:
        refuse_onnx(options.subject, options.what)
    if analysis.labelled and options.image:
        raise CommandError(f"{options.what} needs labels, which the files of --image do not have")
    subject = subject_of(analysis, options)
    if analysis.labelled:
        if is_onnx(options.subject) and options.data is None:
            raise CommandError(f"{options.what} of {options.subject} needs --data: labelled images")
        check_labels(subject)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        try:
            text, save = analysis.run(subject, options)
        except KeyError as error:
            raise CommandError(sentence(error)) from None
    print(*getattr(subject, "said", ()), text, sep="\n")
    for note in notes:
        print(f"note: {note.message}")
    if options.plot is not None:
        print("wrote", *save(options.plot))


def subject_of(analysis: Any, options) -> Any:
    """What to analyse: a run or a model with its images, or the name that `analysis` gets alone."""
    if analysis.named:
        for name in ("image", "data", "weights", "set"):
            if getattr(options, name):
                raise CommandError(f"--{name} is not for {options.what}")
        return options.subject
    if options.subject is None:
        raise CommandError(f"{options.what} needs a RUN_OR_MODEL")
    return load_subject(options.subject, options)


def check_labels(subject: Any) -> None:
    """Raises: CommandError for labels that are not among the model's classes."""
    from ..autograd import no_grad
    from ..nn.evaluation import evaluation, first_output

    with evaluation(subject.model), no_grad():
        count = first_output(subject.model(subject.x[:1])).shape[1]
    if subject.labels.max() >= count:
        raise CommandError(
            f"{subject.name} has {count} classes, but the labels of its images go up to "
            f"{subject.labels.max()}"
        )


def load_subject(name: str, options) -> Subject:
    """A run with its held-out images, weights with data, or an untrained model with digits."""
    refuse_without_image(options)
    directory = file_path(name)
    file = is_onnx(name)
    if options.data is not None and (directory.is_dir() or options.weights is None) and not file:
        raise CommandError("--data needs --weights or FILE.onnx: a run has its own data")
    if options.image and options.data is not None:
        raise CommandError("--image and --data cannot both be given")
    if options.weights is not None and not options.image and not directory.is_dir():
        return of_weights(name, options)
    if file and options.data is not None:
        return of_weights(name, options)
    colours = bool(options.image)
    found, note = find_model(name, options, num_classes=10, pixels=False, colours=colours)
    if found.of_pixels:
        raise CommandError(f"{name} {OF_PIXELS}")
    said = [f"{found.name}: {note}"] if note else []
    if options.image:
        return of_images(found, said, options)
    if directory.is_dir():
        return of_run(directory, found, options.images)
    return of_digits(name, found, said, options)


def of_run(directory: Path, found, images: int) -> Subject:
    from ..training.config import source_of
    from ..training.run_config import read_config

    config = read_config(directory)
    source = source_of(config, found.transform)
    if source.note:
        print(source.note, file=sys.stderr)
    return of_data(found, source.test, images)


def of_weights(name: str, options) -> Subject:
    """Weights from a file, or an ONNX file, with the images of --data, as in evaluate."""
    from .evaluate import load_files

    if options.data is None:
        raise CommandError("--weights needs images: --data or --image")
    weights = None if options.weights is None else [options.weights]
    told = Namespace(**vars(options) | {"models": [name], "weights": weights})
    (found,), (data,), _ = load_files(told)
    if found.of_pixels:
        raise CommandError(f"{name} {OF_PIXELS}")
    return of_data(found, data(found.transform), options.images)


def of_data(found, data, images: int) -> Subject:
    """`count` images of a data set, evenly spread, with their labels."""
    from ..tensor import Tensor

    chosen = spread(len(data), images)
    x, labels = zip(*(data[i] for i in chosen), strict=True)
    boxes = data.boxes[chosen, 0] if hasattr(data, "boxes") else None
    x, labels = Tensor(np.stack(x)), np.array(labels)
    return Subject(found.name, found.model, x, labels, found.classes, boxes, [])


def of_images(found, said: list[str], options) -> Subject:
    """Image files, without labels."""
    from ..tensor import Tensor

    x, of_each = read_images(found, options)
    said = [*said, *of_each]
    return Subject(found.name, found.model, Tensor(x), None, found.classes or [], None, said)


def of_digits(name: str, found, said: list[str], options) -> Subject:
    from ..data.datasets import Digits
    from ..data.transforms import resize
    from ..tensor import Tensor

    digits = Digits(train=False)
    chosen = spread(len(digits), options.images)
    # The mean and deviation that a net expects of its images.
    pixels = (digits.images[chosen] - digits.images.mean()) / digits.images.std()
    size = found.transform(np.zeros((found.channels, 8, 8), np.float32)).shape[1:]
    x = np.repeat(resize(pixels.astype(np.float32), size), found.channels, axis=1)
    labels, classes = digits.labels[chosen], digits.classes
    return Subject(found.name, found.model, Tensor(x), labels, classes, None, said, name)


def spread(count: int, wanted: int) -> np.ndarray:
    """`wanted` of the indices below count, evenly spread; all if there are fewer."""
    return np.linspace(0, count - 1, min(wanted, count)).astype(int)
