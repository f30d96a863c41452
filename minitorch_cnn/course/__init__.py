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
from ..figures import style
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


def __getattr__(name: str) -> typing.Any:
    if name == "plt":
        plt = importlib.import_module("matplotlib.pyplot")
        size = {"figure.figsize": (7.2, 3.6), "figure.constrained_layout.use": True}
        plt.rcParams.update(style() | size)
        return plt
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
