"""minitorch-cnn evaluate: how good models are on images that they have not learned from."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .foreign import add_options, load_file, refuse_options, run_folder
from .parser import CommandError, Parser, add_device, file_path, parse_data
from .report import accuracy, confusions

if TYPE_CHECKING:
    from ..training.trained import Trained

DESCRIPTION = """\
Measure the model of a finished run on the images that were held out: accuracy, loss, the accuracy
in each class and what is mixed up most often; if it labels pixels, also how well masks overlap.
With --weights measure a model whose weights are in a file, on data of yours: all images of a
folder (if it has val or test beside train, of that one), or the test images of a data set. Their
classes are found by name in the file of --classes; they may be a part of them.
Several models are an ensemble: the mean of what they say.
A run of a net in a file is loaded with the copy of that file in its folder, which is executed.

examples:
  minitorch-cnn evaluate runs/lenet5-digits
  minitorch-cnn evaluate runs/first runs/second          both together
  minitorch-cnn evaluate alexnet --weights alexnet.pth --data folder photos
  minitorch-cnn evaluate vgg16 --weights vgg16.pth --data folder photos --crops 10
  minitorch-cnn evaluate vgg16 resnet50 --weights vgg16.pth resnet50.pth --data folder photos"""

MANY = 40  # classes, of which no list is printed
BATCH = 64
DENSE = 224  # pixels a side, of which VGG's first linear layer sees maps of 7 x 7


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "evaluate", help="measure trained models on held-out images", description=DESCRIPTION
    )
    parser.add_argument(
        "models", nargs="+", metavar="DIR", help="the folder of a run; with --weights a MODEL"
    )
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument(
        "--crops",
        type=int,
        choices=(1, 10),
        default=1,
        help="looks at each image: its middle, or ten crops (1)",
    )
    looks.add_argument(
        "--dense",
        action="store_true",
        help="let a VGG slide over each image and its mirror image",
    )
    add_options(parser, nargs="+")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar=("NAME", "PATH"),
        help="with --weights: folder PATH, or another data set of minitorch-cnn train",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    if options.weights is None:
        refuse_options(options)
        if options.data is not None:
            raise CommandError("--data goes with --weights: a run has its own")
        models, data, what = load_runs([run_folder(name) for name in options.models])
    else:
        models, data, what = load_files(options)
    for trained in models:
        trained.model.to(device=options.device)
    if len(models) == 1 and options.crops == 1 and not options.dense:
        evaluation = evaluate_one(models[0], data, options)
    else:
        evaluation = evaluate_looks(models, data, options)
    names = " and ".join(model.name for model in models)
    print(f"{names} on {what}: {accuracy(evaluation)}")
    report_classes(models[0].classes, evaluation.confusion)
    if options.weights is not None and options.classes is None:
        print("\nWithout --classes the data's classes, in their order, are taken for the model's.")


def load_runs(directories: list[Path]):
    """The models of finished runs, what gives their test images by a transform, and its name."""
    from ..training import load_run
    from ..training.config import source_of
    from ..training.trained import of_run

    runs = [load_run(directory) for directory in directories]
    for directory, trained in zip(directories, runs, strict=True):
        same = ("data", "path", "test_path", "classes")
        if any(getattr(trained.config, k) != getattr(runs[0].config, k) for k in same):
            raise CommandError(f"{directory} is a run on other data than {directories[0]}")
    models = [of_run(run) for run in runs]
    data = [lambda transform, r=r: source_of(r.config, transform).test for r in runs]
    note = source_of(runs[0].config).note
    if note:
        print(note, file=sys.stderr)
    return models, data, f"the held-out part of {runs[0].config.data}"


def load_files(options):
    """The models of files of weights, and the same for the data that was named."""
    if len(options.models) != len(options.weights):
        raise CommandError(
            f"--weights needs a FILE for each MODEL: {len(options.models)} models, "
            f"{len(options.weights)} files"
        )
    if options.data is None:
        raise CommandError("--weights needs --data: the images to measure on")
    name, path = parse_data(options.data)
    pairs = zip(options.models, options.weights, strict=True)
    models = [load_file(model, weights, options) for model, weights in pairs]
    plain = [images_of(name, path, trained) for trained in models]
    classes = list(plain[0](None).classes)
    if options.classes is None:
        models = [taken_in_order(trained, classes, path or name) for trained in models]
        return models, plain, path or name
    numbers = class_numbers(classes, models[0], options.classes)
    in_order = numbers == list(range(len(numbers)))
    if models[0].of_pixels and not in_order:
        raise CommandError(f"{options.classes} must have the classes of {name} in their order")
    data = plain if in_order else [renumbered(images, numbers) for images in plain]
    return models, data, path or name


def images_of(name: str, path: str | None, trained: Trained) -> Callable:
    """What gives the images to measure on by a transform: of a folder with parts those held out."""
    from ..data.datasets import ImageFolder
    from ..training.folders import parts_within
    from ..training.sources import load_source

    if name == "folder":
        folder: Any = path  # the parser asks for it
        parts = parts_within(folder)
        root = folder if parts is None else parts[1]
        return lambda transform: ImageFolder(root, transform, channels=trained.channels)
    size = trained.transform.transforms[1].size[0]
    return lambda transform: load_source(name, path, size, (transform,) * 2, trained.of_pixels).test


def taken_in_order(trained: Trained, classes: list[str], place: str) -> Trained:
    """A model whose classes have no names: those of the data are taken for them, as many."""
    known = trained.classes or []
    if len(known) != len(classes):
        raise CommandError(
            f"{trained.name} has {len(known)} classes, {place} has {len(classes)}; "
            "--classes names those of the model, of which the data may have a part"
        )
    return trained._replace(classes=classes)


def class_numbers(classes: list[str], trained: Trained, names: Path) -> list[int]:
    """The number that each class of the data has in the model, by its name.

    ImageNet's folders have numbers of WordNet for names, which its usual files of names tell, too.
    """
    from ..training.class_files import read_synsets
    from ..training.class_names import match_classes

    ids = read_synsets(names) or []
    known = ids if set(classes) <= set(ids) else trained.classes or []
    return match_classes("evaluate", classes, known, str(names))


def renumbered(images: Callable, numbers: list[int]) -> Callable:
    """The same images, their labels numbered as the model's classes."""
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
    """One look at each image."""
    from ..data import DataLoader
    from ..training import evaluate, load_run

    batch = 16 if trained.of_pixels else BATCH
    loss: dict[str, Any] = {}
    if options.weights is None:
        config = load_run(file_path(options.models[0])).config
        batch, loss = config.evaluation_batch, {"loss": config.loss()}
    return evaluate(trained.model, DataLoader(data[0](trained.transform), batch), **loss)


def evaluate_looks(models: list[Trained], data, options):
    """The mean over several looks, several models or both."""
    from ..training import average_predictions, evaluate_predictions

    if any(trained.of_pixels for trained in models):
        raise CommandError("a model that labels pixels is measured alone and by one look")
    looks = [look(*pair, options) for pair in zip(models, data, strict=True)]
    return evaluate_predictions(average_predictions(looks))


def look(trained: Trained, data, options):
    """What one model says of all images."""
    from ..data import DataLoader
    from ..models.vgg import VGG, fully_convolutional
    from ..training import (
        average_predictions,
        mirrored,
        predict,
        predict_crops,
        predict_dense,
        ten_crops,
        whole_image,
    )

    if options.dense:
        if not isinstance(trained.model, VGG):
            raise CommandError(f"--dense is for VGG, not for {trained.name}")
        net = fully_convolutional(trained.model).to(device=options.device)
        transform: Any = trained.transform
        whole: Any = whole_image(transform)
        if whole.transforms[0].size < DENSE:
            raise CommandError(f"--dense needs images of {DENSE} pixels or more (--resize)")
        both = [DataLoader(data(transform), 1) for transform in (whole, mirrored(whole))]
        return average_predictions([predict_dense(net, batches) for batches in both])
    if options.crops == 10:
        chain: Any = trained.transform
        batches = DataLoader(data(ten_crops(chain)), BATCH // 8)
        return predict_crops(trained.model, batches)
    return predict(trained.model, DataLoader(data(trained.transform), BATCH))


def report_classes(classes: Any, matrix: Any) -> None:
    """The accuracy in each class that occurs, unless they are many, and what is mixed up."""
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
