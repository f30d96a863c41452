"""The functions of minitorch_cnn.functional where PyTorch users look for them."""

from .. import functional
from ..functional import *  # noqa: F403

__all__ = functional.__all__
