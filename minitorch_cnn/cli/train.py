"""minitorch-cnn train: train a model, or let a stopped run go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..spelling import one_of
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
Train a model and keep the run in a folder: its weights, what was measured in each epoch, pictures
of the curves, the confusions and the worst-classified images, and what it takes to go on with it.

examples:
  minitorch-cnn train lenet5                            the handwritten digits of the package
  minitorch-cnn train lenet5_relu --data shapes         drawn shapes, to be told apart
  minitorch-cnn train lenet5 --data mnist ~/mnist       files of yours: nothing is downloaded
  minitorch-cnn train lenet5_relu --data folder photos  photos/cat/1.jpg, photos/dog/1.jpg, ...
                                                        or photos/train/cat/..., photos/val/cat/...
  minitorch-cnn train vgg11 --size 32 --set width=0.1   a narrow net for small images
  minitorch-cnn train fcn8s --data shapes --size 64 --set width=0.125 padding=1 dropout=0
                                                        what each pixel belongs to
  minitorch-cnn train vgg16 --data folder photos --start runs/vgg11-folder
                                                        a deeper net from a trained shallow one
  minitorch-cnn train resnet18 --data folder photos --weights resnet18.pth --lr 0.001
                                                        from a file of trained weights
  minitorch-cnn train lenet5 --epochs 5 --lr 0.001 --out runs/quick
  minitorch-cnn train --resume runs/quick               go on where that run was stopped
  minitorch-cnn train net.py:Net                        what the file net.py calls Net
  minitorch-cnn train net.py:make --set width=16 --data folder photos --size 64

A net in a file is a class or function that makes it, or the net itself. --set gives its arguments;
num_classes and in_channels get what the data have. It takes images (N, channels, size, size), of
the data's size or --size, and answers with logits (N, classes). If no option says otherwise it is
trained for 20 epochs in batches of 32 by AdamW, with a weight decay of 0.01 and a learning rate of
0.001 that falls along a cosine. The run keeps a copy of the file and of the files beside it that it
imports, goes on from it and is loaded with it, so use runs of others' files only if you trust them.
"""

USAGE = """\
minitorch-cnn train MODEL [--data NAME [PATH]] [--out DIR] [--device NAME] [--plain] [settings]
       minitorch-cnn train --resume DIR [--device NAME] [--plain]"""

NET = {"model.py": "the net's file", "modules": "what it imports from beside it"}
FILES = {
    "weights.safetensors": "what the model learned",
    "metrics.csv": "loss and accuracy of each epoch",
    "curves.png": "the same as curves",
    "confusion.png": "which class is taken for which",
    "worst.png": "the images it was most wrong about",
    "config.json": "the settings",
    "checkpoint.safetensors": "what --resume goes on from",
}
# What a run that goes on has already.
SETTINGS = (
    *("model", "data", "test_data", "epochs", "batch_size", "optimizer", "lr", "seed", "size"),
    *("set", "start", "weights", "out"),
)


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "train",
        help="train a model, or let a stopped run go on",
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
        help="for --data folder: another folder, of the images to test with (else every fifth "
        "image of each class, or those of PATH/val or PATH/test if there is PATH/train)",
    )
    settings = parser.add_argument_group("settings", "those left out are the model's own")
    settings.add_argument("--epochs", type=number(int, 1), metavar="N", help="passes over the data")
    settings.add_argument(
        "--batch-size", type=number(int, 1), metavar="N", help="images in each step"
    )
    settings.add_argument("--optimizer", metavar="NAME", help="SGD, AdamW or RMSprop; needs --lr")
    settings.add_argument(
        "--lr", type=number(float, 0, above=True), metavar="RATE", help="the highest learning rate"
    )
    settings.add_argument(
        "--seed", type=number(int, 0), metavar="N", help="of all random numbers (0)"
    )
    settings.add_argument(
        "--size", type=number(int, 1), metavar="N", help="pixels a side that the model sees"
    )
    settings.add_argument(
        "--set",
        nargs="+",
        type=setting,
        metavar="NAME=VALUE",
        help="settings of the model, as width=0.5",
    )
    settings.add_argument(
        "--start",
        type=file_path,
        metavar="DIR",
        help="the run that this one starts from: of vgg11 for a deeper VGG, of vgg16 for fcn32s, "
        "of fcn32s for fcn16s, of fcn16s for fcn8s",
    )
    settings.add_argument(
        "--weights",
        type=file_path,
        metavar="FILE",
        help="the model's weights to begin with, .pth or .safetensors; the classifier begins anew "
        "if the classes are others",
    )
    place = parser.add_argument_group("the run")
    place.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="its folder, new or empty (runs/MODEL-DATA, or the like with a number)",
    )
    place.add_argument(
        "--resume", type=file_path, metavar="DIR", help="go on with the stopped run in this folder"
    )
    place.add_argument(
        "--plain",
        action="store_true",
        help="a line per epoch and no bar, as where stderr is no terminal",
    )
    add_device(place)
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..training import resume_run, train_run

    if options.resume is not None:
        refuse_with_resume(options, "run", SETTINGS)
        start, place = resume_run, nullcontext(options.resume)
    else:
        config = make_config(options)
        start = partial(train_run, config)
        usual = f"{config.model if config.net is None else config.net.name}-{config.data}"
        place = own_folder(options.out, usual, "run", "config.json")
    with place as directory:
        train(directory, start, options)


def train(directory: Path, start: Callable, options) -> None:
    """Let a run begin or go on in its folder, and say what it found."""
    settings = {"device": options.device, "progress": progress_of(options)}
    with stoppable(directory, "train", "run", "config.json"):
        result = start(directory, on_start=partial(announce, directory, options), **settings)
    print("\nHeld out: " + accuracy(result.evaluation))
    list_files(directory, FILES | NET)


def make_config(options) -> RunConfig:
    """The run's description: the model's recipe with the options that were given."""
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
    return replace(config, recipe=recipe)


def with_optimizer(recipe: Recipe, options) -> Recipe:
    """Another optimizer, with its rate alone: the recipe's settings are not for it."""
    from ..training.recipes.training_recipe import OPTIMIZERS

    name = options.optimizer
    if name not in OPTIMIZERS:
        raise CommandError(f"--optimizer {name} {one_of(name, OPTIMIZERS)}")
    if options.lr is None:
        raise CommandError(f"--optimizer {name} needs --lr: the recipe's is for another optimizer")
    return replace(recipe, optimizer=name, settings={"lr": options.lr})


def announce(directory: Path, options, config: RunConfig) -> None:
    """Say what is about to be trained, on what and where."""
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
    if config.data == "folder" and config.parts:
        learned, held_out = roots_of(config.path or "", config.test_path)
        train, test = (len(config.parts[part]) for part in ("train", "test"))
        place = f"in {held_out}" if learned != held_out else "every fifth of each class"
        print(f"Images to learn from: {train:,}; held out: {test:,}, {place}", flush=True)
    anew = options.resume is None and not (config.start or config.weights)
    if recipe.pretrain and anew:
        print(
            f"The paper begins with a trained {recipe.pretrain}: --start takes the folder of "
            "such a run. This one begins with random weights.",
            flush=True,
        )
