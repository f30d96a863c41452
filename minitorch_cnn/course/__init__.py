"""The course: imports of its notebooks, and checks of the students' code.

    import minitorch_cnn as mt
    from minitorch_cnn.course import F, autograd as check, np, plt

Each notebook has a file of checks here, and a file of planted bugs in broken/. The notebooks are in
notebooks/, beside the package; `minitorch-cnn course FOLDER` copies them. `plt` is
matplotlib.pyplot, imported on first use, in the style of all figures.
"""

import importlib
import typing

import numpy as np

from .. import functional as F
from .. import nn, optim
from .answer import expect, runs
from .timing import seconds
from .training import digits, error, train

if typing.TYPE_CHECKING:
    import matplotlib.pyplot as plt

__all__ = [
    "F",
    "digits",
    "error",
    "expect",
    "nn",
    "np",
    "optim",
    "plt",
    "runs",
    "seconds",
    "train",
]

LOOKS = {
    "figure.figsize": (6.4, 3.2),
    "figure.dpi": 130,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.frameon": False,
}


def __getattr__(name: str) -> typing.Any:
    if name == "plt":
        plt = importlib.import_module("matplotlib.pyplot")
        plt.rcParams.update(LOOKS)
        return plt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
