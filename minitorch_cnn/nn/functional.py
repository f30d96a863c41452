"""minitorch_cnn.functional where PyTorch users look for it.

It is the same module under a second name, so the layers call a function that a user replaces in it.
"""

import sys

from .. import functional
from ..functional import *  # noqa: F403  (for tools that read this file without running it)

__all__: list[str] = []
__all__ += functional.__all__

sys.modules[__name__] = functional
