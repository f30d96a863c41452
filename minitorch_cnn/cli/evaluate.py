"""minitorch-cnn evaluate: how good models are on images that they have not learned from."""

from __future__ import annotations

from pathlib import Path

from .foreign import Trained, add_options, load_file, refuse_options
from .parser import CommandError, Parser, add_device, parse_data
from .report import accuracy, confusions

DESCRIPTION = """\
Measure the model of a finished run on the images that were held out: accuracy, loss, the accuracy
in each class and what is mixed up most often; if it labels pixels, also how well masks overlap.
With --weights measure a model whose weights are in a file, on data of yours: all images of a
folder, or the test images of a data set. Several models are an ensemble: the mean of what they say.

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
        models, data, what = load_runs([Path(name) for name in options.models])
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


def load_runs(directories: list[Path]):
    """The models of finished runs, what gives their test images by a transform, and its name."""
    from ..training import load_run
    from ..training.run import held_out

    runs = [load_run(directory) for directory in directories]
    for directory, trained in zip(directories, runs, strict=True):
        if any(trained.config[k] != runs[0].config[k] for k in ("data", "path", "classes")):
            raise CommandError(f"{directory} is a run on other data than {directories[0]}")
    models = [
        Trained(r.config["model"], r.model, r.classes, r.channels, r.transform, r.of_pixels)
        for r in runs
    ]
    data = [lambda transform, r=r: held_out(r.config, transform) for r in runs]
    return models, data, f"the held-out part of {runs[0].config['data']}"


def load_files(options):
    """The models of files of weights, and the same for the data that was named."""
    from ..data.datasets import ImageFolder
    from ..training.sources import load_source

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

    def images(trained: Trained):
        def test(transform):
            if name == "folder":
                return ImageFolder(path, trained.channels, transform)
            size = trained.transform.transforms[1].size[0]
            return load_source(name, path, size, (transform,) * 2, trained.of_pixels).test

        return test

    data = [images(trained) for trained in models]
    classes = data[0](None).classes
    for trained in models:
        if len(trained.classes) != len(classes):
            raise CommandError(
                f"{trained.name} has {len(trained.classes)} classes, {name} has {len(classes)}"
            )
    models = [trained._replace(classes=list(classes)) for trained in models]
    return models, data, name if path is None else path


def evaluate_one(trained: Trained, data, options):
    """One look at each image."""
    from ..data import DataLoader
    from ..training import evaluate, evaluate_run

    if options.weights is None:
        return evaluate_run(Path(options.models[0]), device=options.device)
    batch = 16 if trained.of_pixels else BATCH
    return evaluate(trained.model, DataLoader(data[0](trained.transform), batch))


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
        whole = whole_image(trained.transform)
        if whole.transforms[0].size < DENSE:
            raise CommandError(f"--dense needs images of {DENSE} pixels or more (--resize)")
        both = [DataLoader(data(transform), 1) for transform in (whole, mirrored(whole))]
        return average_predictions([predict_dense(net, batches) for batches in both])
    if options.crops == 10:
        batches = DataLoader(data(ten_crops(trained.transform)), BATCH // 8)
        return predict_crops(trained.model, batches)
    return predict(trained.model, DataLoader(data(trained.transform), BATCH))


def report_classes(classes: list[str], matrix) -> None:
    """The accuracy in each class, unless they are many, and what is mixed up."""
    if len(classes) <= MANY:
        width = max(map(len, classes))
        print("\nin each class")
        for i, name in enumerate(classes):
            count = matrix[i].sum()
            share = f"{matrix[i, i] / count:7.2%}" if count else "      -"
            print(f"  {name:{width}}  {share}  ({matrix[i, i]:,} of {count:,})")
    pairs = confusions(matrix, classes)
    if pairs:
        print("\nmixed up most often")
        print("\n".join(f"  {pair}" for pair in pairs))
