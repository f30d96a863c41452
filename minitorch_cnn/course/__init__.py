"""The course: what its notebooks import, and the checks of what students write in them.

    import minitorch_cnn as mt
    from minitorch_cnn.course import F, autograd as check, np, plt

One file of checks per notebook, and in broken/ one of the bugs that it plants. The notebooks are in
notebooks/, beside the package; `minitorch-cnn course FOLDER` copies them. `plt` is
matplotlib.pyplot, imported when asked for, with the looks that all figures share.
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
