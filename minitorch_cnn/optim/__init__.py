"""Optimizers, schedules and averages of weights: torch.optim's names and arguments."""

from . import lr_scheduler
from .adam import Adam, AdamW
from .averaging import ExponentialMovingAverage
from .lars import LARS
from .optimizer import Optimizer
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "LARS",
    "SGD",
    "Adam",
    "AdamW",
    "ExponentialMovingAverage",
    "Optimizer",
    "RMSprop",
    "lr_scheduler",
]
