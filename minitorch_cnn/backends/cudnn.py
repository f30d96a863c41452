"""Settings of cuDNN, which is not used: our kernels repeat their results bit for bit by themselves,
and which of them runs depends on the shapes alone. They can be set as in PyTorch, without effect.
"""

import sys

from .settings import Settings

benchmark = False  # PyTorch: try algorithms, take the fastest
deterministic = False  # PyTorch: only algorithms whose results repeat
enabled = True
allow_tf32 = True  # minitorch_cnn.kernels.allow_tf32 is what allows it here


def is_available() -> bool:
    """False: cuDNN is not used."""
    return False


def version() -> None:
    """None: cuDNN is not used."""


sys.modules[__name__].__class__ = Settings
