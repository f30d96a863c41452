"""What analyse and explore look at: a run, weights in a file, or a new model."""

from __future__ import annotations

from pathlib import Path

from .foreign import Trained, load_file, nearest_subject, refuse_options
from .parser import LISTED, CommandError, file_path, sentence

UNTRAINED = "untrained weights"
OF_PIXELS = "labels pixels; analyse looks at nets that label images"


def add_image(parser) -> None:
    """--image, for files of one's own in place of the data's images."""
    parser.add_argument(
        "--image",
        type=file_path,
        nargs="+",
        metavar="FILE",
        help="images of yours to look with, instead of the usual ones",
    )


def find_model(
    name: str, options, num_classes: int | None = None, pixels: bool = True
) -> tuple[Trained, str]:
    """The model that a command is given, and what there is to say of its weights.

    A folder of a run; with --weights a model whose weights are in a file; else a new one, which
    takes digits, or images of --image, and has the settings of --set. num_classes: of a new model,
    if not its own; pixels: whether it may label pixels.
    """
    directory = file_path(name)
    if directory.is_dir():
        return of_run(directory, options), ""
    if options.weights is not None:
        return load_file(name, options.weights, options), ""
    settings, options.set = options.set, None
    refuse_options(options)
    options.set = settings
    return untrained(name, options, num_classes, pixels), UNTRAINED


def of_run(directory: Path, options) -> Trained:
    from ..training import load_run

    refuse_options(options)
    if options.weights is not None:
        raise CommandError(f"--weights goes with a MODEL: the run {directory} has its own")
    run = load_run(directory)
    name, classes = run.config.model, run.classes
    return Trained(name, run.model, classes, run.channels, run.transform, run.of_pixels)


def untrained(name: str, options, num_classes: int | None, pixels: bool) -> Trained:
    """A new model in evaluation mode; its transform makes an image (C, H, W) of its size."""
    from ..analysis import image_shape
    from ..data.transforms import CenterCrop, Compose, Resize
    from ..models import model_entry
    from ..models.net_file import NetFileError
    from ..training.config import build_model

    try:
        entry = model_entry(name)
    except NetFileError as error:
        raise CommandError(sentence(error)) from None
    except KeyError:
        rule = f"is neither a folder of a run nor a model{nearest_subject(name)}"
        raise CommandError(f"{name} {rule}; {LISTED}") from None
    if entry.of_pixels and not pixels:
        raise CommandError(f"{entry.name} {OF_PIXELS}")
    settings = dict(options.set or ())
    if num_classes is not None and not entry.own:
        settings = {"num_classes": num_classes, **settings}
    if entry.own:
        data = {"num_classes": 10, "in_channels": 3 if options.image else 1}
        settings = {k: v for k, v in data.items() if entry.takes(k)} | settings
    model = build_model(entry, settings).eval()
    channels, side, _ = entry.input_shape or image_shape(model)
    channels = settings.get("in_channels", channels)
    transform = Compose([Resize(side), CenterCrop(side)])
    return Trained(entry.name, model, None, channels, transform, entry.of_pixels)


def read_images(paths: list[Path], trained: Trained):
    """Files as the model takes them: (N, C, H, W)."""
    import numpy as np

    from ..data.datasets import read_image

    return np.stack([trained.transform(read_image(path, trained.channels)) for path in paths])
