"""A module's state as a dict, and the hooks that run when it is saved and loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ..tensor.tensor import HookHandle, Tensor
from .hooks import Hook, HookTable, registered
from .state import LoadResult, load_state

if TYPE_CHECKING:
    from .module import Module
    from .parameter import Parameter


class Stateful:
    """The part of Module that stores and loads parameters and persistent buffers."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent: set[str]
    _modules: dict[str, Module | None]
    _state_pre_hooks: HookTable
    _state_hooks: HookTable
    _load_pre_hooks: HookTable
    _load_hooks: HookTable

    def _make_state_hook_tables(self) -> None:
        # Bypass Module's __setattr__, which needs tables created later.
        self.__dict__.update(
            _state_pre_hooks=OrderedDict(),
            _state_hooks=OrderedDict(),
            _load_pre_hooks=OrderedDict(),
            _load_hooks=OrderedDict(),
        )

    def state_dict(
        self,
        *,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """Parameters and persistent buffers under dotted names after `prefix`, detached unless
        keep_vars, with shared memory. They are added to `destination`, if given."""
        state: dict[str, Tensor] = {} if destination is None else destination
        for hook in tuple(self._state_pre_hooks.values()):
            hook.function(self, prefix, keep_vars)
        buffers = {k: v for k, v in self._buffers.items() if k not in self._non_persistent}
        for name, member in (self._parameters | buffers).items():
            if member is not None:
                state[prefix + name] = member if keep_vars else member.detach()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in tuple(self._state_hooks.values()):
            if hook.function(self, state, prefix, {}) is not None:
                raise RuntimeError(
                    f"{type(self).__name__}: a state_dict post-hook must change the dict in place "
                    "and return None"
                )
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> LoadResult:
        """Copy Tensors or arrays into the parameters and buffers of the same names.

        Dtypes are converted. With assign=True the given Tensors replace those of the module and
        keep their dtypes: use it for a module made under `shapes_only`, not for one whose
        parameters an optimizer holds. All checks precede the first copy. With strict=False,
        missing and unexpected names are allowed, but wrong shapes are not. Returns (missing_keys,
        unexpected_keys).

        Raises: RuntimeError that names every key that is missing, unexpected or of wrong shape.
        """
        return load_state(cast("Module", self), state_dict, strict, assign)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, prefix, keep_vars)` before this module adds its part to a state
        dict."""
        return registered(self._state_pre_hooks, Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` when the dict holds this module
        and its descendants; it may change the dict. The metadata are empty."""
        return registered(self._state_hooks, Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before a state dict is checked.

        The dict is a copy, which the hook may change, for example to rename the keys of an older
        version. It may add names to the two lists, and refuse the dict by adding to error_msgs.
        """
        return registered(self._load_pre_hooks, Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, incompatible_keys)` when a state dict has been loaded.

        It may change the lists missing_keys and unexpected_keys of incompatible_keys; names that
        remain in them raise an error, after loading.
        """
        return registered(self._load_hooks, Hook(hook))
