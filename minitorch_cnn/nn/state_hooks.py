"""A module's state as a dict, and the hooks that see and change it on its way out and in."""

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
        # Past Module's __setattr__, which looks into tables made later.
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
        """Parameters and persistent buffers under dotted names behind `prefix`, detached unless
        keep_vars; memory is shared. They are added to `destination`, if given."""
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

        Dtypes are converted. With assign=True the given Tensors, in their dtypes, take the place of
        those here instead: the way for a module made under `shapes_only`, and not for one whose
        parameters an optimizer has. Everything is checked before anything is copied. With
        strict=False, missing and unexpected names are allowed; a wrong shape never is. Returns
        (missing_keys, unexpected_keys).

        Raises: RuntimeError naming every missing, unexpected and mis-shaped key.
        """
        return load_state(cast("Module", self), state_dict, strict, assign)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's part of a state dict is
        made."""
        return registered(self._state_pre_hooks, Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` when this module's part and those
        of the modules below are in the dict, which it may change. The metadata are empty."""
        return registered(self._state_hooks, Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before a state dict is checked.

        It may change the dict, a copy of the one that is loaded, to rename what an older version
        stored; add names to the two lists; and refuse the dict by adding to error_msgs.
        """
        return registered(self._load_pre_hooks, Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, incompatible_keys)` when a state dict has been loaded.

        It may change the lists missing_keys and unexpected_keys of incompatible_keys; only what is
        left in them then is an error, which comes after loading.
        """
        return registered(self._load_hooks, Hook(hook))
