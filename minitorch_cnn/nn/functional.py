"""minitorch_cnn.functional where PyTorch users look for it: the same module under a second name, so
that a function that a user exchanges in it is what the layers call.
"""

import sys

from .. import functional
from ..functional import *  # noqa: F403  (for tools that read this file without running it)

__all__: list[str] = []
__all__ += functional.__all__

sys.modules[__name__] = functional
