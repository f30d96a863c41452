"""What we use of NumPy and CuPy beyond what they document, all of it here.

Numba's parts are in compat_numba.py, which imports it. Where a library moves one of these a test in
tests/kernels/test_compat.py fails by its name.
"""

import contextvars
from typing import Any

import numpy as np

NOT_GIVEN = np._NoValue  # what NumPy's functions hand on for an argument that was not given


def silent_floating_point() -> tuple[contextvars.ContextVar[Any], Any]:
    """NumPy's context variable of floating-point warnings, and its value for none of them.

    To set it costs a fraction of np.errstate, which costs as much as a small operation. A NumPy
    that keeps them elsewhere goes on warning: an unused variable stands in.
    """
    with np.errstate(all="ignore"):
        context = contextvars.copy_context()
    found = ((v, context[v]) for v in context if v.name == "numpy.ufunc.extobj")
    return next(found, (contextvars.ContextVar[Any]("unused"), None))


def set_cupy_tf32(allowed: bool) -> None:
    """Whether CuPy's products of float32 matrices may be computed in TF32, by cuBLAS."""
    import cupy

    kinds = cupy._core._routines_linalg
    kind = kinds.COMPUTE_TYPE_TF32 if allowed else kinds.COMPUTE_TYPE_DEFAULT
    cupy._core.set_compute_type(cupy.float32, kind)
