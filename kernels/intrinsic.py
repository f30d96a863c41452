"""`intrinsic` for type checkers: kernels call the function without its first parameter, and only
Numba knows its type.
"""

from typing import Any

from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
