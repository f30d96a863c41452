"""The subjects of analyse and explore: a run, weights in a file, or an untrained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .foreign import load_file, load_folder, nearest_subject, refuse_options
from .onnx_files import is_onnx, load_onnx
from .parser import LISTED, CommandError, file_path, sentence

if TYPE_CHECKING:
    import numpy as np

    from ..training.trained import Trained

UNTRAINED = "untrained weights"
OF_PIXELS = "labels pixels; analyse looks at nets that label images"


def add_image(parser) -> None:
    """Add --image, for files instead of the data's images."""
    parser.add_argument(
        "--image",
        type=file_path,
        nargs="+",
        metavar="FILE",
        help="image files of yours, instead of the usual images",
    )
    add_drawing(parser)


def add_drawing(parser) -> None:
    """Add --invert and --as-is, for images that may be drawings."""
    parser.add_argument(
        "--invert",
        action="store_true",
        help="always exchange dark and light",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="never invert, crop or centre drawings",
    )


def find_model(
    name: str,
    options,
    num_classes: int | None = None,
    pixels: bool = True,
    colours: bool = True,
) -> tuple[Trained, str]:
    """The model of a command, and a note on its weights.

    It is that of a run's folder or of an ONNX file; with --weights a model with weights from a
    file; else an untrained one for digits or for --image, with the settings of --set. num_classes:
    of an untrained model, if not its default; pixels: whether it may label pixels; colours: whether
    images of yours come.
    """
    if is_onnx(name):
        return load_onnx(name, options, colours), ""
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
    """Refuse --invert and --as-is without --image: the usual images need neither."""
    for word in ("invert", "as_is"):
        if getattr(options, word) and not options.image:
            raise CommandError(f"--{word.replace('_', '-')} needs --image")


def untrained(name: str, options, num_classes: int | None, pixels: bool) -> Trained:
    """An untrained model in evaluation mode; its transform resizes an image (C, H, W)."""
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
    """The files of --image as the model's input (N, C, H, W), and notes on their preparation."""
    import numpy as np

    from ..training.trained import prepare

    how = {"invert": options.invert, "as_is": options.as_is}
    found = [prepare(path, trained, **how) for path in options.image]
    pairs = zip(options.image, found, strict=True)
    said = [f"{path}: {prepared.said}" for path, prepared in pairs if prepared.said]
    return np.stack([prepared.x for prepared in found]), said
