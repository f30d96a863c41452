"""minitorch-cnn explore: a network as a page for the browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .foreign import add_options
from .parser import CommandError, Parser, file_path, new_file
from .subjects import add_image, find_model, read_images, refuse_without_image

DESCRIPTION = """\
Write a page that shows a network: its layers as a graph to click through, with their costs and
receptive fields; their feature maps of digits, or of images of yours; and an interactive
convolution. With --lecture, write a page for lectures: trained networks that run in the browser on
a digit that you draw. A page is one file, works offline and runs in any current browser.

examples:
  minitorch-cnn explore                           LeNet-5, untrained
  minitorch-cnn explore runs/lenet5-digits        what a run has learned
  minitorch-cnn explore resnet50 --out resnet50.html
  minitorch-cnn explore resnet18 --weights resnet18.pth --classes imagenet.txt --image cat.jpg
  minitorch-cnn explore net.py:Net                a net in a file of yours
  minitorch-cnn explore --lecture                 the page for lectures, lecture.html"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "explore", help="write an interactive page of a network", description=DESCRIPTION
    )
    parser.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="the folder of a run, a name that minitorch-cnn models lists (lenet5), FILE.py:NAME, "
        "or FILE.onnx",
    )
    parser.add_argument(
        "--out",
        type=new_file,
        metavar="FILE",
        help="the page to write (MODEL.html, explorer.html in a run, or lecture.html)",
    )
    parser.add_argument(
        "--lecture",
        action="store_true",
        help="write the page for lectures instead, which takes no MODEL",
    )
    add_image(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    if options.lecture:
        write_lecture(options)
        return
    from ..analysis import explore
    from ..random import manual_seed

    options.model = options.model or "lenet5"
    refuse_without_image(options)
    manual_seed(0)
    found, note = find_model(options.model, options, colours=bool(options.image))
    said, digits = [], None
    if options.image:
        images, said = read_images(found, options)
        labels = [path.name for path in options.image]
    else:
        images, labels, digits = digits_for(found)
    directory = file_path(options.model)
    page = f"{found.name.rpartition(':')[2]}.html"
    out = options.out or (directory / "explorer.html" if directory.is_dir() else Path(page))
    settings = {"labels": labels, "classes": found.classes, "digits": digits}
    explore(found.model, images, out, name=found.name, note=note, **settings)
    print(*said, sep="\n", end="\n" * bool(said))
    of = f", of {found.name} with {note}" if note else ""
    print(f"wrote {out} ({out.stat().st_size / 2**20:.1f} MiB){of}")


def write_lecture(options) -> None:
    from ..analysis import lecture_page

    others = ("weights", "classes", "resize", "crop", "mean", "std", "set")
    for name in ("model", "image", "invert", "as_is", *others):
        if getattr(options, name):
            word = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
            raise CommandError(f"--lecture takes no {word}: it has its own networks and digits")
    out = lecture_page(options.out or "lecture.html")
    print(f"wrote {out} ({out.stat().st_size / 2**20:.1f} MiB)")


def digits_for(found) -> tuple[np.ndarray, list[str], np.ndarray]:
    """One image of each digit as the model's input, its name, and its pixels as integers; fewer for
    a slow net."""
    from ..analysis import summary
    from ..analysis.explorer import affordable, first_digits

    digits = first_digits()
    grey = (digits / 16).astype(np.float32)[:, None]
    images = [found.transform(x) for x in np.repeat(grey, found.channels, axis=1)]
    count = affordable(summary(found.model, images[0].shape).total_macs)
    return np.stack(images[:count]), list("0123456789")[:count], digits[:count]
