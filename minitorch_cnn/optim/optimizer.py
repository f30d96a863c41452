"""Optimizer: groups of parameters with their settings and state, and the loop of a step."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import devices, dtypes
from ..autograd.grad import forget_grads
from ..autograd.modes import enable_grad
from ..kernels.cuda.graph import capturing, refuse
from ..kernels.workspace import keep_freed_memory
from ..nn.checks import is_tuple
from ..tensor.half import widened
from ..tensor.tensor import HookHandle, Tensor
from .captured import CapturedStep

if TYPE_CHECKING:
    from ..tensor.types import Array

# An optimizer's argument: Tensors, pairs (name, Tensor), or groups of either with settings.
Params: TypeAlias = "Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]"
Group = Mapping[str, Any]  # the settings of one group, and its parameters

SCALARS: dict[str, Callable[[Any], Any]] = {
    "step": int,
    "mu_product": float,
    "eta": float,
    "mu": float,
}  # the entries of the state that are numbers, not arrays
LATER = ("maximize", "decoupled_weight_decay")  # settings missing from older state dicts


class _RequiredParameter:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()  # as a default: every param group must give the setting


class Optimizer:
    """The base of the optimizers; a subclass defines `check_settings` and `update`, or `step`.

    params: an iterable of Tensors, of pairs (name, Tensor) as from `named_parameters`, or of dicts
    {"params": such an iterable, "lr": ...} whose settings override the defaults. `param_groups` is
    the list of complete dicts; it keeps the user's own keys ("name", "lr_scale") unchanged. `state`
    maps a parameter to its arrays. The setting "maximize" ascends the gradient.
    """

    skip: Array | None = None  # where not 0, a step on a GPU changes nothing: see update_together

    def __init__(self, params: Params, defaults: dict[str, Any]):
        name = type(self).__name__
        if isinstance(params, Tensor | str) or not isinstance(params, Iterable):
            raise TypeError(
                f"{name}: params must be an iterable of Tensors or dicts, "
                f"got {type(params).__name__}"
            )
        if isinstance(params, set | frozenset):
            raise TypeError(f"{name}: params must be ordered, and a set is not")
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{name}: params is empty")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)
        keep_freed_memory()  # training needs arrays of the same sizes in every step

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with their own settings, such as those of a new head.

        Raises: ValueError or TypeError for invalid settings, or for parameters that are invalid or
        already present.
        """
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(
                f"{name}: a param group must be a dict with params, got {param_group!r}"
            )
        params = param_group["params"]
        if isinstance(params, set | frozenset):
            raise TypeError(f"{name}: params must be ordered, and a set is not")
        params, names = _split(name, [params] if isinstance(params, Tensor) else list(params))
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: params must be Tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(
                    f"{name}: a parameter of shape {p.shape} must be a leaf, not a result"
                )
            if id(p) in known:
                raise ValueError(f"{name}: a parameter of shape {p.shape} appears twice")
            known.add(id(p))
        group = {**self.defaults, **param_group, "params": params, **names}
        for setting, value in group.items():
            if value is required:
                raise ValueError(f"{name}: {setting} must be given")
        if any(("param_names" in other) != ("param_names" in group) for other in self.param_groups):
            raise ValueError(f"{name}: the parameters of all param groups must have names, or none")
        self.check_settings(group)
        self.param_groups.append(group)

    def check_settings(self, group: Group) -> None:
        """Raises: ValueError for settings out of range."""

    def update(self, param: Array, grad: Array, state: dict[str, Any], group: Group) -> None:
        """Update one parameter in place, without changing its gradient.

        A 16-bit parameter is passed as a float32 copy and rounded back afterwards. Its `state`
        stays in float32; PyTorch's has 16 bits, in which updates stall.
        """
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters with a gradient; first call the closure, if given, for the loss."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            if devices.elsewhere:
                if steps_together(type(self)) and self._step_together(group):
                    continue
                refuse(f"{type(self).__name__}.step of parameters one by one, as on the CPU,")
            up = group.get("maximize", False)
            for p in group["params"]:
                if p.grad is None:
                    continue
                array, grad, half = p.array, p.grad.array, p.array.dtype.itemsize == 2
                if half:  # 16-bit parameters and their buffers are updated in float32: see `update`
                    array, grad = widened(array), widened(grad)
                self.update(array, -grad if up else grad, self.state[p], group)
                if half:
                    p.array[...] = array
                p.bump_version()
        return loss

    def update_together(
        self,
        params: list[Array],
        grads: list[Array],
        states: list[dict[str, Any]],
        group: Group,
        skip: Array | None,
    ) -> None:
        """Update parameters of one device and dtype in few launches, as `update` each of them.

        skip: an array () of int32, or None; where it is not 0, nothing changes. A class that
        defines this beside `update` takes its steps on a GPU by it.

        While a graph is captured, `live_numbers(read)` of captured.py gives an array of what
        read() returns at each replay, for the settings that may change between them.
        """
        raise NotImplementedError

    def _step_together(self, group: Group) -> bool:
        """Update a group's parameters on devices; False if some are on the CPU or of 16 bits."""
        found: dict[Any, list[Tensor]] = {}
        capture = capturing()
        for p in group["params"]:
            if p.grad is not None:
                array = p.array
                if type(array) is np.ndarray or array.dtype.itemsize == 2:
                    return False
                found.setdefault((p.device, array.dtype), []).append(p)
        for params in found.values():
            arrays = [p.array for p in params]
            grads = [p.grad.array for p in params if p.grad is not None]
            states = [self.state[p] for p in params]
            self.update_together(arrays, grads, states, group, self.skip)
            if capture is not None:
                capture.steps.append(CapturedStep(self, group, params, arrays, grads, states))
            for p in params:
                p.bump_version()
        return True

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradients of all parameters to None, or existing ones to zeros."""
        for group in self.param_groups:
            forget_grads(group["params"], set_to_none)

    # ------------------------------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` before every step; it may return a pair of new
        args and kwargs."""
        return HookHandle(self._hooks("_step_pre_hooks"), hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(optimizer, args, kwargs)` after every step."""
        return HookHandle(self._hooks("_step_post_hooks"), hook)

    def _hooks(self, table: str) -> OrderedDict[object, Any]:
        # Shadow the method with an attribute, so that a step without hooks costs nothing.
        self.__dict__.setdefault("step", partial(_hooked_step, self))
        return self.__dict__.setdefault(table, OrderedDict())

    # ------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """{"state": {i: {name: array or int}}, "param_groups": [{..., "params": [i, ...]}]}.

        Parameters are numbered in the order of the groups; arrays are copies.
        """
        numbers = {id(p): i for i, p in enumerate(self._params())}
        return {
            "state": {
                numbers[id(p)]: {
                    k: v.copy() if devices.is_array(v) else copy.deepcopy(v)
                    for k, v in kept.items()
                }
                for p, kept in self.state.items()
            },
            "param_groups": [
                {**group, "params": [numbers[id(p)] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load settings and state; arrays are copied, in the parameters' dtypes (float32 for 16-bit
        parameters).

        The groups and the order of the parameters must be those of the saving optimizer. All checks
        precede the first change.

        Raises: ValueError for groups, settings, numbers or shapes that do not match, KeyError for a
        dict that is not an optimizer's state.
        """
        name = f"{type(self).__name__}.load_state_dict"
        for key in ("state", "param_groups"):
            if key not in state_dict:
                raise KeyError(f"{name}: state_dict lacks {key!r}; is it an optimizer's?")
        saved = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in saved]
        own_sizes = [len(group["params"]) for group in self.param_groups]
        if sizes != own_sizes:
            raise ValueError(f"{name}: groups of {sizes} parameters must be groups of {own_sizes}")
        groups: list[dict[str, Any]] = []
        for own, group in zip(self.param_groups, saved, strict=True):
            group = {**{k: self.defaults[k] for k in LATER if k in self.defaults}, **group}
            missing = self.defaults.keys() - group.keys()
            if missing:
                raise ValueError(f"{name}: a param group lacks {sorted(missing)}")
            kept = {k: own[k] for k in ("params", "param_names") if k in own}
            groups.append({**group, **kept})
            self.check_settings(groups[-1])
        params = dict(
            zip((i for group in saved for i in group["params"]), self._params(), strict=True)
        )
        loaded = _copied if type(self).update is Optimizer.update else _loaded
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for i, kept in state_dict["state"].items():
            if i not in params:
                raise ValueError(f"{name}: the state of parameter {i!r} belongs to no group")
            p = params[i]
            state[p] = {
                key: loaded(name, i, p, key, value)
                for key, value in kept.items()
                if value is not None
            }
        self.param_groups, self.state = groups, state

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines: list[str] = []
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([f"{type(self).__name__} (", *lines, ")"])


@cache
def steps_together(cls: type[Optimizer]) -> bool:
    """Whether an optimizer's steps on a device update all tensors together, and heed `skip`.

    They do where the class that defines `update` also defines `update_together`, and `step` is
    not another one.
    """
    owner = next(base for base in cls.__mro__ if "update" in base.__dict__)
    fuses = owner is not Optimizer and "update_together" in owner.__dict__
    return fuses and cls.step is Optimizer.step


def _hooked_step(optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
    """The step of an optimizer that has or had hooks."""
    for hook in tuple(optimizer.__dict__.get("_step_pre_hooks", {}).values()):
        changed = hook(optimizer, args, kwargs)
        if changed is not None:
            if not is_tuple(changed) or len(changed) != 2:
                raise RuntimeError(
                    f"{type(optimizer).__name__}: a step pre-hook must return None or a pair "
                    f"(args, kwargs), got {type(changed).__name__}"
                )
            args, kwargs = changed
    result = type(optimizer).step(optimizer, *args, **kwargs)
    for hook in tuple(optimizer.__dict__.get("_step_post_hooks", {}).values()):
        hook(optimizer, args, kwargs)
    return result


def _split(optimizer: str, params: list[Any]) -> tuple[list[Tensor], dict[str, list[str]]]:
    """Split pairs (name, parameter) into the parameters and a setting with their names."""
    named = [is_tuple(p) and len(p) == 2 for p in params]
    if not any(named):
        return params, {}
    if not all(named):
        raise ValueError(f"{optimizer}: all parameters of a group must have names, or none")
    return [p for _, p in params], {"param_names": [name for name, _ in params]}


def _copied(name: str, i: int, p: Tensor, key: str, value: Any) -> Any:
    """A copy of a state dict's value for an optimizer that overrides step: float Tensors get the
    dtype and the device of their parameter."""
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    dtype = p.dtype if value.is_floating_point() else None
    return value.detach().clone().to(device=p.device, dtype=dtype)


def _loaded(name: str, i: int, p: Tensor, key: str, value: Any) -> Any:
    """A state dict's value as stored here: a count, or an array like its parameter."""
    array = value.array if isinstance(value, Tensor) else value
    array = array if devices.is_array(array) else np.asarray(array)
    if key in SCALARS:
        return SCALARS[key](array)
    if array.shape != p.shape:
        raise ValueError(
            f"{name}: {key} of parameter {i} has shape {array.shape}, expected {p.shape}"
        )
    dtype = dtypes.float32 if dtypes.is_half(p.dtype) else p.dtype
    return devices.moved(array.astype(dtype), p.device, name)  # a copy, and contiguous
