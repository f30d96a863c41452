"""The settings of spaces and methods: which each has, and of which kinds they are."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..spelling import nearest

KINDS = {int: "an integer", float: "a finite number"}


def settings_of(build: Callable) -> dict[str, Any]:
    """The settings that users give a space or method, with their defaults.

    All that have a default but the seed, which is a plan's own.
    """
    parameters = inspect.signature(build).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty and p.name != "seed"}


def check_settings(function: str, what: str, build: Callable, given: Mapping[str, Any]) -> None:
    """Raises ValueError, in the name of `function`, for settings that a space or method does not
    have, with the nearest that it has, or of another kind than their defaults.

    what: how users call it, as "the space layers".
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
