"""minitorch-cnn train: train a model, or resume a stopped run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..spelling import one_of
from . import ranks
from .parser import (
    CommandError,
    Parser,
    add_device,
    file_path,
    model_name,
    number,
    parse_data,
    progress_of,
    setting,
)
from .place import list_files, own_folder, refuse_with_resume, stoppable
from .report import accuracy

if TYPE_CHECKING:
    from ..training import Recipe, RunConfig

DESCRIPTION = """\
Train a model and keep the run in a folder: weights, metrics of each epoch, figures of the curves,
the confusions and the worst errors, and the state for --resume.

examples:
  minitorch-cnn train lenet5                            on the bundled handwritten digits
  minitorch-cnn train lenet5_relu --data shapes         on synthetic shapes
  minitorch-cnn train lenet5 --data mnist ~/mnist       your files; nothing is downloaded
  minitorch-cnn train lenet5_relu --data folder photos  photos/cat/1.jpg, photos/dog/1.jpg, ...
                                                        or photos/train/cat/..., photos/val/cat/...
  minitorch-cnn train vgg11 --size 32 --set width=0.1   a narrow net for small images
  minitorch-cnn train fcn8s --data shapes --size 64 --set width=0.125 padding=1 dropout=0
                                                        segmentation
  minitorch-cnn train vgg16 --data folder photos --start runs/vgg11-folder
                                                        a deeper net from a trained shallow one
  minitorch-cnn train resnet18 --data folder photos --weights resnet18.pth --lr 0.001
                                                        from a file of trained weights
  minitorch-cnn train lenet5 --epochs 5 --lr 0.001 --out runs/quick
  minitorch-cnn train --resume runs/quick               resume that run
  minitorch-cnn train net.py:Net                        the net called Net in net.py
  minitorch-cnn train net.py:make --set width=16 --data folder photos --size 64
  mpiexec -n 4 minitorch-cnn train resnet20_cifar       on 4 processes, the same run as on one

A net in a file is a class or function that builds it, or the net itself. --set gives its arguments;
num_classes and in_channels come from the data. It takes images (N, channels, size, size), of the
data's size or --size, and returns logits (N, classes). By default it is trained for 20 epochs in
batches of 32 by AdamW, with a weight decay of 0.01 and a learning rate of 0.001 that falls along a
cosine. The run keeps a copy of the file, and of the files beside it that it imports. Resuming and
loading execute this copy, so use other people's runs only if you trust them.
"""

USAGE = """\
minitorch-cnn train MODEL [--data NAME [PATH]] [--out DIR] [--device NAME [--graph]] [--plain]
                           [settings]
       minitorch-cnn train --resume DIR [--device NAME [--graph]] [--plain]"""

NET = {"model.py": "the net's file", "modules": "the files beside it that it imports"}
FILES = {
    "weights.safetensors": "the trained weights",
    "metrics.csv": "loss and accuracy of each epoch",
    "curves.png": "their curves",
    "curves.svg": "the same, without pixels",
    "confusion.png": "the confusion matrix",
    "confusion.svg": "the same",
    "worst.png": "the images with the largest loss",
    "config.json": "the settings",
    "checkpoint.safetensors": "the state for --resume",
}
# The settings of a run, which --resume does not accept.
SETTINGS = (
    *("model", "data", "test_data", "epochs", "batch_size", "optimizer", "lr", "seed", "size"),
    *("scale_lr", "set", "start", "weights", "out"),
)


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "train",
        help="train a model, or resume a stopped run",
        description=DESCRIPTION,
    )
    parser.usage = USAGE
    parser.add_argument(
        "model",
        nargs="?",
        type=model_name,
        metavar="MODEL",
        help="a name that minitorch-cnn models lists, or FILE.py:NAME",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        metavar=("NAME", "PATH"),
        help="digits (the default) and shapes need no files; mnist, fashion-mnist, kmnist, emnist-"
        "balanced (or another split), cifar10, cifar100, cifar100-coarse and "
        "folder (of images in a folder per class) need the PATH to them",
    )
    parser.add_argument(
        "--test-data",
        type=file_path,
        metavar="PATH",
        help="for --data folder: the folder of the test images (default: those of PATH/val or "
        "PATH/test if there is PATH/train, otherwise every fifth image of each class)",
    )
    settings = parser.add_argument_group("settings", "the defaults are the model's own")
    settings.add_argument("--epochs", type=number(int, 1), metavar="N", help="passes over the data")
    settings.add_argument("--batch-size", type=number(int, 1), metavar="N", help="images per step")
    settings.add_argument("--optimizer", metavar="NAME", help="SGD, AdamW or RMSprop; needs --lr")
    settings.add_argument(
        "--lr", type=number(float, 0, above=True), metavar="RATE", help="the highest learning rate"
    )
    settings.add_argument(
        "--scale-lr",
        action="store_true",
        default=None,
        help="under mpiexec -n N: batches and learning rate times N, after a warm-up of 5 epochs",
    )
    settings.add_argument(
        "--seed", type=number(int, 0), metavar="N", help="the seed of random numbers (0)"
    )
    settings.add_argument(
        "--size", type=number(int, 1), metavar="N", help="the image size of the model"
    )
    settings.add_argument(
        "--set",
        nargs="+",
        type=setting,
        metavar="NAME=VALUE",
        help="settings of the model, such as width=0.5",
    )
    settings.add_argument(
        "--start",
        type=file_path,
        metavar="DIR",
        help="a run whose weights to start from: vgg11 for a deeper VGG, vgg16 for fcn32s, "
        "fcn32s for fcn16s, fcn16s for fcn8s",
    )
    settings.add_argument(
        "--weights",
        type=file_path,
        metavar="FILE",
        help="initial weights, .pth or .safetensors; the classifier is initialised if the number "
        "of classes differs",
    )
    place = parser.add_argument_group("the run")
    place.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="its folder, new or empty (runs/MODEL-DATA, numbered if it exists)",
    )
    place.add_argument(
        "--resume", type=file_path, metavar="DIR", help="resume the stopped run in this folder"
    )
    place.add_argument(
        "--plain",
        action="store_true",
        help="print a line per epoch instead of a bar",
    )
    add_device(place)
    place.add_argument(
        "--graph",
        action="store_true",
        help="repeat whole steps as a CUDA graph, on a GPU: the same results, with less to do for "
        "the host",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..training import resume_run, train_run

    ranks.begin()
    if options.resume is not None:
        refuse_with_resume(options, "run", SETTINGS)
        start, place = resume_run, nullcontext(options.resume)
    else:
        config = make_config(options)
        start = partial(train_run, config)
        usual = f"{config.model if config.net is None else config.net.name}-{config.data}"
        place = own_folder(options.out, usual, "run", "config.json")
    with ranks.folder_of_first(place) as directory:
        train(ranks.of_first(directory), start, options)


def train(directory: Path, start: Callable, options) -> None:
    """Begin or resume a run in its folder, and print its result."""
    settings = {"device": options.device, "progress": progress_of(options)}
    settings |= {"graphed": True} if options.graph else {}
    with stoppable(directory, "train", "run", "config.json"):
        result = start(directory, on_start=partial(announce, directory, options), **settings)
    if not ranks.is_first():
        return
    print("\nHeld out: " + accuracy(result.evaluation))
    list_files(directory, FILES | NET)


def make_config(options) -> RunConfig:
    """The run's configuration: the model's recipe with the given options."""
    from .. import training

    data, path = parse_data(options.data)
    if options.model is None:
        raise CommandError("train needs a MODEL: minitorch-cnn models lists them")
    given = {"epochs": options.epochs, "batch_size": options.batch_size}
    changes = {name: value for name, value in given.items() if value is not None}
    config = training.make_config(
        options.model,
        data,
        path,
        model_settings=dict(options.set or ()),
        size=options.size,
        start=None if options.start is None else str(options.start.resolve()),
        weights=None if options.weights is None else str(options.weights.resolve()),
        test_path=None if options.test_data is None else str(options.test_data.resolve()),
        seed=options.seed or 0,
        **changes,
    )
    recipe = config.recipe
    if options.optimizer not in (None, recipe.optimizer):
        recipe = with_optimizer(recipe, options)
    elif options.lr is not None:
        recipe = replace(recipe, settings={**recipe.settings, "lr": options.lr})
    if options.scale_lr:
        recipe = recipe.scaled(ranks.count())
    return replace(config, recipe=recipe)


def with_optimizer(recipe: Recipe, options) -> Recipe:
    """Another optimizer with the given rate; the recipe's other settings do not apply to it."""
    from ..training.recipes.training_recipe import OPTIMIZERS

    name = options.optimizer
    if name not in OPTIMIZERS:
        raise CommandError(f"--optimizer {name} {one_of(name, OPTIMIZERS)}")
    if options.lr is None:
        raise CommandError(f"--optimizer {name} needs --lr: the recipe's is for another optimizer")
    return replace(recipe, optimizer=name, settings={"lr": options.lr})


def announce(directory: Path, options, config: RunConfig) -> None:
    """Print the model, the data and the folder of the run."""
    from ..training.folders import roots_of

    recipe = config.recipe
    own = ""
    if config.net is not None:
        rate = f" on a {recipe.schedule['name']} schedule"
        own = f"{rate}, images of {config.size} x {config.size}"
    path = f" in {config.path}" if config.path else ""
    passes = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    print(
        f"Training {config.model} on {config.data}{path}: {passes} in batches of "
        f"{recipe.batch_size}, {recipe.optimizer} with a learning rate up to "
        f"{recipe.settings['lr']:g}{own}, seed {config.seed}\n"
        f"The folder of the run: {directory}",
        flush=True,
    )
    if (number := ranks.count()) > 1:
        from ..distributed.group import current

        places = current("train").processes
        named = ", ".join(f"rank {rank} is {place}" for rank, place in enumerate(places))
        print(f"{number} ranks share each batch: {named}", flush=True)
    if config.data == "folder" and config.parts:
        learned, held_out = roots_of(config.path or "", config.test_path)
        train, test = (len(config.parts[part]) for part in ("train", "test"))
        place = f"in {held_out}" if learned != held_out else "every fifth of each class"
        print(f"Training images: {train:,}; held out: {test:,}, {place}", flush=True)
    anew = options.resume is None and not (config.start or config.weights)
    if recipe.pretrain and anew:
        print(
            f"The paper starts from a trained {recipe.pretrain}: --start takes the folder of "
            "such a run. This run starts from random weights.",
            flush=True,
        )
