"""minitorch-cnn evaluate: the accuracy of models on held-out images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .foreign import add_options, load_file, one_source, refuse_options, run_folder
from .onnx_files import load_onnx
from .parser import CommandError, Parser, add_device, file_path, parse_data
from .report import accuracy, confusions

if TYPE_CHECKING:
    from ..training.trained import Trained

DESCRIPTION = """\
Measure the model of a finished run on its held-out images: accuracy, loss, the accuracy of each
class and the most frequent confusions; for a model that labels pixels, also the overlap of masks.

--weights measures a model with weights from a file, on data of yours: all images of a folder (or of
its val or test, if it also has train), or the test images of a data set. The file of --classes
names the model's classes; the data may have only some of them.

Several models form an ensemble: their probabilities are averaged.

A run of a net in a file is loaded by executing the copy of that file in the run's folder.

examples:
  minitorch-cnn evaluate runs/lenet5-digits
  minitorch-cnn evaluate runs/first runs/second          an ensemble of both
  minitorch-cnn evaluate alexnet --weights alexnet.pth --data folder photos
  minitorch-cnn evaluate vgg16 --weights vgg16.pth --data folder photos --crops 10
  minitorch-cnn evaluate vgg16 --weights vgg16.pth --data folder photos --dense --crops 50 \
    --scales 256 384 512
  minitorch-cnn evaluate net.onnx --mean 0.5 --std 0.5 --data folder photos
  minitorch-cnn evaluate vgg16 resnet50 --weights vgg16.pth resnet50.pth --data folder photos"""

MANY = 40  # classes; no list is printed for more
BATCH = 64
CROPS = {10: "ten_crops", 50: "grid_crops", 144: "square_crops"}


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "evaluate", help="measure trained models on held-out images", description=DESCRIPTION
    )
    parser.add_argument(
        "models",
        nargs="+",
        metavar="DIR",
        help="the folder of a run, or FILE.onnx; with --weights a MODEL",
    )
    parser.add_argument(
        "--crops",
        type=int,
        choices=(1, *CROPS),
        default=1,
        help="views of each image: its middle; AlexNet's 10 crops, VGG's 50 of a 5 x 5 grid, or "
        "GoogLeNet's 144 at four scales (1)",
    )
    parser.add_argument(
        "--dense",
        action="store_true",
        help="apply the model at every position of each image and its mirror image; with --crops "
        "10 or more, average with those",
    )
    parser.add_argument(
        "--scales",
        nargs="+",
        type=int,
        metavar="Q",
        help="average over these lengths of the image's shorter side, in pixels",
    )
    add_options(parser, nargs="+")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar=("NAME", "PATH"),
        help="with --weights or FILE.onnx: folder PATH, or another data set of minitorch-cnn train",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    from .fast import Fast

    files = one_source(options.models)
    if options.weights is None and not files:
        refuse_options(options)
        if options.data is not None:
            raise CommandError("--data needs --weights or FILE.onnx: a run has its own data")
        models, data, what = load_runs([run_folder(name) for name in options.models])
    else:
        models, data, what = load_files(options)
    for trained in models:
        trained.model.to(device=options.device)
    if options.scales and options.crops == 144:
        raise CommandError("--crops 144 has its own four scales: leave out --scales")
    models = [trained._replace(model=Fast(trained.model)) for trained in models]
    if len(models) == 1 and options.crops == 1 and not options.dense and not options.scales:
        evaluation = evaluate_one(models[0], data, options)
    else:
        evaluation = evaluate_looks(models, data, options)
    names = " and ".join(model.name for model in models)
    print(f"{names} on {what}: {accuracy(evaluation)}")
    report_classes(models[0].classes, evaluation.confusion)
    if options.data is not None and options.classes is None and not named(models[0]):
        print("\nWithout --classes, the data's classes are taken as the model's, in their order.")


def load_runs(directories: list[Path]):
    """The models of finished runs, their test images as a function of a transform, and a name."""
    from ..training import load_run
    from ..training.config import source_of
    from ..training.trained import of_run

    runs = [load_run(directory) for directory in directories]
    for directory, trained in zip(directories, runs, strict=True):
        same = ("data", "path", "test_path", "classes")
        if any(getattr(trained.config, k) != getattr(runs[0].config, k) for k in same):
            raise CommandError(f"{directory} is a run on different data than {directories[0]}")
    models = [of_run(run) for run in runs]
    data = [lambda transform, r=r: source_of(r.config, transform).test for r in runs]
    note = source_of(runs[0].config).note
    if note:
        print(note, file=sys.stderr)
    return models, data, f"the held-out part of {runs[0].config.data}"


def load_files(options):
    """The models with weights from files, or of ONNX files, and the same for the data of --data."""
    files = one_source(options.models)
    if not files and len(options.models) != len(options.weights):
        raise CommandError(
            f"--weights needs a FILE for each MODEL: {len(options.models)} models, "
            f"{len(options.weights)} files"
        )
    if options.data is None:
        what = options.models[0] if files else "--weights"
        raise CommandError(f"{what} needs --data: the images to measure on")
    name, path = parse_data(options.data)
    if files:
        models = [load_onnx(file, options) for file in options.models]
    else:
        pairs = zip(options.models, options.weights, strict=True)
        models = [load_file(model, weights, options) for model, weights in pairs]
    plain = [images_of(name, path, trained) for trained in models]
    classes = list(plain[0](None).classes)
    place = options.classes or options.models[0]
    if options.classes is None and not (files and named(models[0])):
        models = [taken_in_order(trained, classes, path or name) for trained in models]
        return models, plain, path or name
    numbers = class_numbers(classes, models[0], options.classes, str(place))
    in_order = numbers == list(range(len(numbers)))
    if models[0].of_pixels and not in_order:
        raise CommandError(f"{place} must have the classes of {name} in their order")
    data = plain if in_order else [renumbered(images, numbers) for images in plain]
    return models, data, path or name


def images_of(name: str, path: str | None, trained: Trained) -> Callable:
    """A function from a transform to the images to measure on; those of val or test in a folder."""
    from ..data.datasets import ImageFolder
    from ..training.folders import parts_within
    from ..training.sources import load_source

    if name == "folder":
        folder: Any = path  # required by the parser
        parts = parts_within(folder)
        root = folder if parts is None else parts[1]
        return lambda transform: ImageFolder(root, transform, channels=trained.channels)
    size = trained.transform(np.zeros((trained.channels, 8, 8), np.float32)).shape[-1]
    return lambda transform: load_source(name, path, size, (transform,) * 2, trained.of_pixels).test


def taken_in_order(trained: Trained, classes: list[str], place: str) -> Trained:
    """A model without names of classes, given those of the data, which must be as many."""
    known = trained.classes or []
    if len(known) != len(classes):
        raise CommandError(
            f"{trained.name} has {len(known)} classes, {place} has {len(classes)}; "
            "--classes names those of the model, and the data may have only some of them"
        )
    return trained._replace(classes=classes)


def named(trained: Trained) -> bool:
    """Whether the model's classes have names, not numbers only."""
    names = trained.classes or []
    return names != [f"class {i}" for i in range(len(names))]


def class_numbers(
    classes: list[str], trained: Trained, names: Path | None, place: str
) -> list[int]:
    """The model's index of each class of the data, found by name.

    ImageNet's folders are named by WordNet numbers, which its usual files of names contain.
    """
    from ..training.class_files import read_synsets
    from ..training.class_names import match_classes

    ids = (read_synsets(names) or []) if names is not None else []
    known = ids if set(classes) <= set(ids) else trained.classes or []
    return match_classes("evaluate", classes, known, place)


def renumbered(images: Callable, numbers: list[int]) -> Callable:
    """The same images, with labels as indices of the model's classes."""
    return lambda transform: Renumbered(images(transform), numbers)


class Renumbered:
    """A data set whose label i is numbers[i]."""

    def __init__(self, data, numbers: list[int]):
        self.data, self.numbers = data, numbers

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int):
        image, label = self.data[index]
        return image, self.numbers[label]


def evaluate_one(trained: Trained, data, options):
    """Evaluate one view of each image."""
    from ..data import DataLoader
    from ..training import evaluate, load_run

    batch = 16 if trained.of_pixels else BATCH
    loss: dict[str, Any] = {}
    if options.data is None:
        config = load_run(file_path(options.models[0])).config
        batch, loss = config.evaluation_batch, {"loss": config.loss()}
    return evaluate(trained.model, DataLoader(data[0](trained.transform), batch), **loss)


def evaluate_looks(models: list[Trained], data, options):
    """Evaluate the mean over several views, several models or both."""
    from ..training import average_predictions, evaluate_predictions

    if any(trained.of_pixels for trained in models):
        raise CommandError("a model that labels pixels must be alone, with one view of each image")
    looks = [look(*pair, options) for pair in zip(models, data, strict=True)]
    return evaluate_predictions(average_predictions(looks))


def look(trained: Trained, data, options):
    """The probabilities of one model for all images.

    VGG's combination of dense evaluation and crops: the mean of both (Simonyan and Zisserman 2015,
    section 4.3), each averaged over the scales.
    """
    from ..training import at_scale, average_predictions

    transform: Any = trained.transform
    chains = [at_scale(transform, side) for side in options.scales or ()] or [transform]
    looks = []
    if options.dense:
        looks.append(dense_look(trained, data, chains))
    if options.crops > 1 or not options.dense:
        looks.append(average_predictions([crops_look(trained, data, c, options) for c in chains]))
    return average_predictions(looks)


def dense_look(trained: Trained, data, chains: list):
    """The mean over scales and both mirror images of the scores at all positions."""
    from ..data import DataLoader
    from ..training import average_predictions, dense_form, mirrored, predict_dense, whole_image

    whole: list[Any] = [whole_image(chain) for chain in chains]
    middle: Any = trained.transform
    crop = next(step.size for step in middle.transforms if type(step).__name__ == "CenterCrop")
    model: Any = trained.model
    net = dense_form(model.model, (trained.channels, *crop))
    loaders = [DataLoader(data(t), 1) for chain in whole for t in (chain, mirrored(chain))]
    return average_predictions([predict_dense(net, batches) for batches in loaders])


def crops_look(trained: Trained, data, chain, options):
    """The mean over the crops of each image, or its middle."""
    from .. import training
    from ..data import DataLoader

    if options.crops == 1:
        return training.predict(trained.model, DataLoader(data(chain), BATCH))
    crops = getattr(training, CROPS[options.crops])(chain)
    batch = max(1, BATCH // 8 * 10 // options.crops)
    return training.predict_crops(trained.model, DataLoader(data(crops), batch))


def report_classes(classes: Any, matrix: Any) -> None:
    """Print the accuracy of each occurring class, unless they are many, and the confusions."""
    from ..training.class_names import LONGEST, printable

    occur = [i for i in range(len(classes)) if matrix[i].any()]
    if len(occur) <= MANY:
        names = [printable(name) for name in classes]
        width = min(max((len(names[i]) for i in occur), default=0), LONGEST)
        print("\nin each class")
        for i in occur:
            right, count = matrix[i, i], matrix[i].sum()
            print(f"  {names[i]:{width}}  {right / count:7.2%}  ({right:,} of {count:,})")
    pairs = confusions(matrix, classes)
    if pairs:
        print("\nmixed up most often")
        print("\n".join(f"  {pair}" for pair in pairs))
