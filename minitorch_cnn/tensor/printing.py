"""Printing of tensors: as NumPy does, with the settings of `set_printoptions`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import dtypes

# Settings passed to NumPy; the others are those of NumPy's own print options.
DEFAULT: dict[str, Any] = {"precision": 4}
PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "max_line_width": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "max_line_width": 80},
    "full": {"precision": 4, "threshold": 2**62, "edgeitems": 3, "max_line_width": 80},
}
_options: dict[str, Any] = {**DEFAULT, "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; None leaves a setting unchanged.

    precision: decimal places. threshold: the number of elements from which only the ends are shown,
    `edgeitems` at each. linewidth: characters in a line. sci_mode: whether numbers have exponents;
    None, the default, lets NumPy decide. profile: "default", "short" or "full", which the other
    settings modify.

    Raises: ValueError for another profile or a negative number.
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ValueError(
                f"set_printoptions: profile={profile!r} must be one of {', '.join(PROFILES)}"
            )
        _options.update(PROFILES[profile])
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "max_line_width": linewidth,
    }
    for name, value in given.items():
        if value is None:
            continue
        if not value >= 0:
            raise ValueError(f"set_printoptions: {name}={value!r} must be at least 0")
        _options[name] = int(min(value, 2**62))
    _options["sci_mode"] = sci_mode


def text_of(array: np.ndarray) -> str:
    """The numbers of a tensor as they are printed."""
    settings = {name: value for name, value in _options.items() if name != "sci_mode"}
    if _options["sci_mode"] is not None and array.dtype.kind in dtypes.FLOATS:
        write = np.format_float_scientific if _options["sci_mode"] else np.format_float_positional
        precision = settings["precision"]
        settings["formatter"] = {
            "float_kind": functools.partial(write, precision=precision, unique=False, trim="k")
        }
    return np.array2string(array, separator=", ", prefix="tensor(", **settings)
