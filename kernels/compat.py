"""All uses of undocumented parts of NumPy and CuPy.

Those of Numba are in compat_numba.py, which imports it. If a release changes one of them, the test
of that name in tests/kernels/test_compat.py fails.
"""

import contextvars
from typing import Any

import numpy as np

NOT_GIVEN = np._NoValue  # NumPy's default for an omitted argument


def silent_floating_point() -> tuple[contextvars.ContextVar[Any], Any]:
    """NumPy's context variable for floating-point warnings, and the value that turns them off.

    Setting it costs a fraction of np.errstate, which costs as much as a small operation. Where
    NumPy has no such variable, an unused variable is returned, and the warnings remain.
    """
    with np.errstate(all="ignore"):
        context = contextvars.copy_context()
    found = ((v, context[v]) for v in context if v.name == "numpy.ufunc.extobj")
    return next(found, (contextvars.ContextVar[Any]("unused"), None))


def set_cupy_tf32(allowed: bool) -> None:
    """Set whether cuBLAS may compute CuPy's products of float32 matrices in TF32."""
    import cupy

    kinds = cupy._core._routines_linalg
    kind = kinds.COMPUTE_TYPE_TF32 if allowed else kinds.COMPUTE_TYPE_DEFAULT
    cupy._core.set_compute_type(cupy.float32, kind)
