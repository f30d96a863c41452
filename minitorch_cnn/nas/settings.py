"""The settings of spaces and methods: their names and types."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..spelling import nearest

KINDS = {int: "an integer", float: "a finite number"}


def settings_of(build: Callable) -> dict[str, Any]:
    """The settings that users give a space or method, with their defaults.

    These are all parameters with a default except the seed, which belongs to the plan.
    """
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name != "seed"}


def check_settings(function: str, what: str, build: Callable, given: Mapping[str, Any]) -> None:
    """Raises ValueError, in the name of `function`, for unknown settings of a space or method
    (naming the nearest) and for values of another type than the default.

    what: the space or method in words, such as "the space layers".
    """
    has = settings_of(build)
    for name, value in given.items():
        if name not in has:
            known = f"it has {', '.join(has)}{nearest(name, has)}"
            raise ValueError(f"{function}: {what} has no setting {name!r}; {known}")
        if not _is_like(value, has[name]):
            rule = _kind(has[name])
            raise ValueError(f"{function}: {name}={value!r} of {what} must be {rule}")


def _is_like(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        several = isinstance(value, list | tuple) and len(value) > 0
        return several and all(_is_like(one, default[0]) for one in value)
    kind = int | float if isinstance(default, float) else type(default)
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    return isinstance(value, str) or math.isfinite(value)


def _kind(default: Any) -> str:
    if not isinstance(default, tuple):
        return KINDS[type(default)]
    return "a list of names" if isinstance(default[0], str) else "a list of integers"
