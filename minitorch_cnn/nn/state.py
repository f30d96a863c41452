"""Loading a state dict into a module after checking all of it; members by their dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .. import devices, dtypes
from ..tensor.tensor import Tensor
from .parameter import Parameter

if TYPE_CHECKING:
    from ..tensor.types import Array
    from .module import Module


class LoadResult(NamedTuple):
    """The missing and the unexpected names of a state dict."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not (self.missing_keys or self.unexpected_keys):
            return "<All keys matched successfully>"
        return (
            f"LoadResult(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        )


def load_state(module: Module, state: Mapping[str, Any], strict: bool, assign: bool) -> LoadResult:
    """Copy `state` into the parameters and buffers of `module`; see Module.load_state_dict."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: state_dict must be a dict, got {type(state).__name__}")
    state = dict(state)
    result = LoadResult([], [])
    problems: list[str] = []
    modules = list(module.named_modules(remove_duplicate=False))
    for path, child in modules:
        for hook in tuple(child._load_pre_hooks.values()):
            prefix = f"{path}." if path else ""
            hook.function(child, state, prefix, {}, strict, *result, problems)
    own = own_state(module)
    missing, unexpected, _ = difference(module, state)
    result.missing_keys.extend(missing)
    result.unexpected_keys.extend(unexpected)
    arrays = {name: array_of(state[name]) for name in own if name in state}
    misfits = (misfit(name, array, own[name], assign) for name, array in arrays.items())
    problems += filter(None, misfits)
    hooks = [(m, h) for _, m in reversed(modules) for h in tuple(m._load_hooks.values())]
    if not hooks:
        problems = incompatible(result, strict) + problems
    refuse(module, problems)
    for name, array in arrays.items():
        if assign:
            put(module, name, state[name] if isinstance(state[name], Tensor) else Tensor(array))
            continue
        array = devices.moved(array, own[name].device, "load_state_dict")
        np.copyto(own[name].array, array, casting="unsafe")
        own[name].bump_version()
    for child, hook in hooks:
        hook.function(child, result)
    refuse(module, incompatible(result, strict))
    return result


def incompatible(result: LoadResult, strict: bool) -> list[str]:
    """The problems with the names of a state dict; none if they do not matter."""
    found = {"missing": result.missing_keys, "unexpected": result.unexpected_keys}
    named = [f"{what} {', '.join(map(str, names))}" for what, names in found.items() if names]
    return named if strict else []


def refuse(module: Module, problems: list[str]) -> None:
    """Raise RuntimeError if a state dict has problems."""
    if problems:
        raise RuntimeError(
            f"load_state_dict: the state does not fit {type(module).__name__}: "
            + "; ".join(problems)
        )


class Difference(NamedTuple):
    """The missing and unexpected names of a state dict, and those whose shapes differ."""

    missing: list[str]
    unexpected: list[str]
    misshaped: list[str]


def difference(module: Module, state: Mapping[str, Any]) -> Difference:
    """The differences that keep `state` from being loaded into `module`, without optional names."""
    own = own_state(module)
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


def own_state(module: Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, even if `state_dict` is overridden."""
    own: dict[str, Tensor] = {}
    for path, child in module.named_modules(remove_duplicate=False):
        buffers = {k: v for k, v in child._buffers.items() if k not in child._non_persistent}
        members = (child._parameters | buffers).items()
        own |= {join(path, name): member for name, member in members if member is not None}
    return own


def join(path: str, name: str) -> str:
    """The dotted name of the member `name` of the module at `path`."""
    return f"{path}.{name}" if path else name


def array_of(value: Any) -> Array | None:
    """The array of a Tensor, array or NumPy scalar; None for other values."""
    if isinstance(value, Tensor):
        return value.array
    if devices.is_array(value):
        return value
    return np.asarray(cast(Any, value)) if isinstance(value, np.generic) else None


def put(module: Module, name: str, new: Tensor) -> None:
    """Set the parameter or buffer of that dotted name to `new`."""
    path, _, last = name.rpartition(".")
    owner = find_module(module, "load_state_dict", path)
    old = owner._parameters.get(last)
    if old is None:
        owner._buffers[last] = new.detach()
        return
    if not isinstance(new, Parameter):
        new = Parameter(new, old.requires_grad)
    owner._parameters[last] = new


def find_module(module: Module, function: str, target: str) -> Module:
    """The descendant of that dotted name. Raises: AttributeError, naming `function`."""
    found = module
    for name in target.split(".") if target else ():
        child = found._modules.get(name)
        if child is None:
            raise AttributeError(
                f"{function}: target={target!r} names no module: {type(found).__name__} has no "
                f"module {name!r}"
            )
        found = child
    return found


def find_member(module: Module, function: str, target: str, table: str) -> Any:
    """The parameter or buffer of that dotted name. Raises: AttributeError, naming `function`."""
    path, _, name = target.rpartition(".")
    owner = find_module(module, function, path)
    found = owner.__dict__[table].get(name)
    if found is None:
        raise AttributeError(
            f"{function}: target={target!r}: {type(owner).__name__} has no "
            f"{table.strip('_').removesuffix('s')} {name!r}"
        )
    return found


def misfit(name: str, array: Array | None, own: Tensor, assign: bool) -> str:
    """The problem with `array` as the new value of `own`, or ""."""
    if array is None or array.dtype.kind not in "fViub":
        return f"{name} is not a Tensor or array of numbers"
    if array.shape != own.shape:
        return f"{name} has shape {array.shape}, expected {own.shape}"
    if assign and own.requires_grad and array.dtype.kind not in dtypes.FLOATS:
        return f"{name} has dtype {array.dtype}, and requires grad"
    if not assign and not devices.is_writeable(own.array):
        return f"{name} has no memory to write to, as nn.shapes_only makes it"
    return ""
