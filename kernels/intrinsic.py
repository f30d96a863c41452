"""`intrinsic` for type checkers: what it makes of a function is called without the first parameter,
in kernels only, and Numba alone knows its type.
"""

from typing import Any

from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
