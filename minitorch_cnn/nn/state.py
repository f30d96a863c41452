"""Loading a state dict into a module: everything is checked before anything is copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .. import devices
from ..tensor.tensor import Tensor


class LoadResult(NamedTuple):
    """The names a state dict lacked and the names it had too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_state(module, state: Mapping, strict: bool) -> LoadResult:
    """Copy `state` into the parameters and buffers of `module`; see Module.load_state_dict."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: state_dict must be a dict, got {type(state).__name__}")
    own = module.state_dict()
    missing, unexpected, _ = difference(module, state)
    arrays = {name: array_of(state[name]) for name in own if name in state}
    problems = [misfit(name, array, own[name]) for name, array in arrays.items()]
    problems = [problem for problem in problems if problem]
    if strict and unexpected:
        problems.insert(0, "unexpected " + ", ".join(map(str, unexpected)))
    if strict and missing:
        problems.insert(0, "missing " + ", ".join(missing))
    if problems:
        raise RuntimeError(
            f"load_state_dict: the state does not fit {type(module).__name__}: "
            + "; ".join(problems)
        )
    for name, array in arrays.items():
        array = devices.moved(array, own[name].device, "load_state_dict")
        np.copyto(own[name].data, array, casting="unsafe")
        own[name].bump_version()
    return LoadResult(missing, unexpected)


class Difference(NamedTuple):
    """The names a state dict lacks, those it has too many, and those whose shapes differ."""

    missing: list[str]
    unexpected: list[str]
    misshaped: list[str]


def difference(module, state: Mapping) -> Difference:
    """What keeps `state` from being loaded into `module`; names that may be absent are left out."""
    own = module.state_dict()
    optional = {
        join(path, name)
        for path, child in module.named_modules(remove_duplicate=False)
        for name in child.optional_state
    }
    missing = [name for name in own if name not in state and name not in optional]
    unexpected = [name for name in state if name not in own]
    shapes = {name: getattr(state[name], "shape", None) for name in own if name in state}
    misshaped = [name for name, shape in shapes.items() if shape != own[name].shape]
    return Difference(missing, unexpected, misshaped)


def join(path: str, name: str) -> str:
    """The dotted name of the member `name` of the module at `path`."""
    return f"{path}.{name}" if path else name


def array_of(value) -> np.ndarray | None:
    """The array of a Tensor, array or NumPy scalar; None for anything else."""
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, np.generic):
        return np.asarray(value)
    return value if devices.is_array(value) else None


def misfit(name: str, array: np.ndarray | None, own: Tensor) -> str:
    """What is wrong with `array` as the new value of `own`; empty if nothing."""
    if array is None or array.dtype.kind not in "fiub":
        return f"{name} is not a Tensor or array of numbers"
    if array.shape != own.shape:
        return f"{name} has shape {array.shape}, expected {own.shape}"
    if not devices.is_writeable(own.data):
        return f"{name} has no memory to write to, as nn.shapes_only makes it"
    return ""
