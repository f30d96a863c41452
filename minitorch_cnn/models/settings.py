"""The settings of a user's net: the parameters of its class or function, and missing ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from inspect import Parameter

from ..spelling import nearest

NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def parameters_of(build: Callable) -> list[Parameter]:
    """The parameters of a class or function; if they are unknown, any settings."""
    try:
        return list(inspect.signature(build).parameters.values())
    except (ValueError, TypeError):
        return [Parameter("settings", Parameter.VAR_KEYWORD)]


def takes(build: Callable, setting: str) -> bool:
    """Whether a class or function has a parameter of that name, or takes any as **settings."""
    return any(
        p.kind is Parameter.VAR_KEYWORD or (p.kind in NAMED and p.name == setting)
        for p in parameters_of(build)
    )


def check_settings(function: str, name: str, build: Callable, given: Iterable[str]) -> None:
    """Raises TypeError, in the name of `function`, for a setting that `build` does not take, naming
    the nearest one, and for required ones that are missing.
    """
    parameters, given = parameters_of(build), list(given)
    has = [p.name for p in parameters if p.kind in NAMED]
    for setting in given:
        if not takes(build, setting):
            known = f"it has {', '.join(has)}{nearest(setting, has)}" if has else "it has none"
            raise TypeError(f"{function}: {name} has no setting {setting!r}; {known}")
    needed = [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        and p.name not in given
    ]
    if needed:
        words = " ".join(f"{setting}=..." for setting in needed)
        raise TypeError(
            f"{function}: {name} needs {' and '.join(needed)}, which must be given: --set {words} "
            "on the command line, a keyword in Python"
        )
