"""The error function, its complement and its inverse, which NumPy lacks.

On the host each element takes a call of Python's exact function; CuPy has its own functions.
"""

import math

import numpy as np


def _erfinv(x: float) -> float:
    """The root y of erf y = x: the normal distribution's quantile, refined by Newton's method."""
    from statistics import NormalDist  # imported here: it takes a tenth of NumPy's import time

    if not -1 < x < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    size = abs(x)
    rest = 1 - size  # exact where it matters, near 1
    y = -NormalDist().inv_cdf(rest / 2) / math.sqrt(2)
    for _ in range(2):
        miss = math.erf(y) - size if size < 0.5 else rest - math.erfc(y)
        y -= miss * math.sqrt(math.pi) / 2 * math.exp(y * y)
    return math.copysign(y, x)


_erf, _erfc = (np.frompyfunc(function, 1, 1) for function in (math.erf, math.erfc))
_inverse = np.frompyfunc(_erfinv, 1, 1)


def erf(x):
    """2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return _each("erf", _erf, x)


def erfc(x):
    """1 - erf x, exact where erf rounds to 1."""
    return _each("erfc", _erfc, x)


def erfinv(x):
    """The inverse of erf: infinite at -1 and 1, NaN outside."""
    return _each("erfinv", _inverse, x)


def _each(name, function, x):
    if type(x).__module__.startswith("cupy"):
        import cupyx.scipy.special

        return getattr(cupyx.scipy.special, name)(x)
    return np.asarray(function(x.view(np.ndarray)), x.dtype).view(type(x))
