"""What analyse and explore look at: a run, weights in a file, or a new model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .foreign import load_file, load_folder, nearest_subject, refuse_options
from .parser import LISTED, CommandError, file_path, sentence

if TYPE_CHECKING:
    import numpy as np

    from ..training.trained import Trained

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
    add_drawing(parser)


def add_drawing(parser) -> None:
    """--invert and --as-is, of images that may be drawings."""
    parser.add_argument(
        "--invert",
        action="store_true",
        help="exchange dark and light oneself, whatever the ground is",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="leave drawings as they are: neither inverted nor cropped and centred",
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
    if options.weights is not None:
        return load_file(name, options.weights, options), ""
    if directory.is_dir():
        return load_folder(name, options), ""
    settings, options.set = options.set, None
    refuse_options(options)
    options.set = settings
    return untrained(name, options, num_classes, pixels), UNTRAINED


def refuse_without_image(options) -> None:
    """The usual images are no drawings that anything need be done to."""
    for word in ("invert", "as_is"):
        if getattr(options, word) and not options.image:
            raise CommandError(f"--{word.replace('_', '-')} goes with --image")


def untrained(name: str, options, num_classes: int | None, pixels: bool) -> Trained:
    """A new model in evaluation mode; its transform makes an image (C, H, W) of its size."""
    from ..analysis import image_shape
    from ..data.transforms import CenterCrop, Compose, Resize
    from ..models import model_entry
    from ..models.net_file import NetFileError
    from ..training.config import build_model
    from ..training.trained import Trained

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


def read_images(trained: Trained, options) -> tuple[np.ndarray, list[str]]:
    """The files of --image as the model takes them, (N, C, H, W), and what became of which."""
    import numpy as np

    from ..training.trained import prepare

    how = {"invert": options.invert, "as_is": options.as_is}
    found = [prepare(path, trained, **how) for path in options.image]
    pairs = zip(options.image, found, strict=True)
    said = [f"{path}: {prepared.said}" for path, prepared in pairs if prepared.said]
    return np.stack([prepared.x for prepared in found]), said
