"""Lazy layers: the first input sets the number of input channels.

    net = nn.Sequential(nn.LazyConv2d(16, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    net(x)                          # from here on Conv2d(3, 16, ...) and Linear(..., 10)

Call a lazy layer, or load a state dict into it, before you use its weights. Both turn it into the
layer that it stands for, including its class. Its parameters stay the same objects, so an optimizer
may already hold them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from ..tensor.tensor import Tensor
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d
from .parameter import UninitializedParameter, shapes_only


class _Lazy(Module):
    """Base of the lazy layers; a subclass also derives from the layer that it becomes."""

    becomes: ClassVar[type[Module]]
    size: ClassVar[str]  # the layer's first argument, set by the input

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        if len(cls.__bases__) == 1:  # a base of several lazy layers
            return
        cls.becomes = next(base for base in cls.__bases__ if not issubclass(base, _Lazy))
        first, *rest = inspect.signature(cls.becomes.__init__).parameters.values()
        cls.size = rest[0].name

        def __init__(self: _Lazy, *args: Any, **named: Any) -> None:
            self._make(args, named)

        # Type checkers do not know that functions can have a __signature__.
        signature = inspect.Signature([first, *rest[1:]])
        __init__.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
        __init__.__qualname__ = f"{cls.__name__}.__init__"
        cls.__init__ = __init__

    def _make(self, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        signature = inspect.signature(type(self).__init__)
        try:
            settings = signature.bind(None, *args, **named).arguments
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        with shapes_only():  # any size that the settings allow
            becomes: Any = self.becomes
            becomes.__init__(self, settings.get("groups", 1), *args, **named)
        self._settings = {k: v for k, v in settings.items() if k != "self"}
        where: dict[str, Any] = {k: settings.get(k) for k in ("device", "dtype")}
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(**where)
        setattr(self, self.size, 0)
        self.register_forward_pre_hook(_see_input)
        self.register_load_state_dict_pre_hook(_see_state)
        self.register_state_dict_pre_hook(_refuse_state)

    def reset_parameters(self) -> None:
        """Do nothing: the parameters do not exist yet."""

    def has_uninitialized_params(self) -> bool:
        """Whether the layer has not seen an input yet."""
        return True

    def _size_of_input(self, x: Tensor) -> int:
        return x.shape[1]

    def _size_of_state(self, state: Mapping[str, Any], prefix: str) -> int | None:
        """The size of the layer in a state dict, or None if the dict does not contain it."""
        for name in ("weight", "running_mean"):
            if prefix + name in state:
                return self._size_of_weight(state[prefix + name].shape)
        return None

    def _size_of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[0]

    def _become(self, size: int) -> None:
        """Become the layer of that size."""
        members = [*self._parameters.values(), *self._buffers.values()]
        where = {}
        for own in members[:1]:  # its device, as the layer may have been moved
            where = {} if own is None else {"device": own.device, "dtype": own.dtype}
        becomes: Any = self.becomes
        layer = becomes(size, **{**self._settings, **where})
        for name, fresh in layer._parameters.items():
            mine = self._parameters[name]
            if isinstance(mine, UninitializedParameter) and fresh is not None:
                mine.materialize(fresh)
        for name, buffer in layer._buffers.items():
            self._buffers[name] = buffer
        setattr(self, self.size, size)
        for table in (self._forward_pre_hooks, self._load_pre_hooks, self._state_pre_hooks):
            for key in [k for k, hook in table.items() if hook.function in OWN_HOOKS]:
                del table[key]
        del self._settings
        self.__class__ = becomes


def _see_input(layer: _Lazy, inputs: tuple[Any, ...]) -> None:
    if not inputs or not isinstance(inputs[0], Tensor):
        raise TypeError(f"{type(layer).__name__}: the first input must be a Tensor, by position")
    layer._become(layer._size_of_input(inputs[0]))


def _see_state(layer: _Lazy, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
    size = layer._size_of_state(state, prefix)
    if size is not None:
        layer._become(size)


def _refuse_state(layer: _Lazy, prefix: str, keep_vars: bool) -> None:
    raise RuntimeError(
        f"state_dict: {type(layer).__name__} has no parameters before its first call"
    )


OWN_HOOKS = (_see_input, _see_state, _refuse_state)


class LazyLinear(_Lazy, Linear):
    """`Linear` that takes in_features from the last axis of the first input."""

    def _size_of_input(self, x: Tensor) -> int:
        return x.shape[-1]

    def _size_of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[1]


class _LazyConv(_Lazy):
    """Base of the lazy convolutions."""

    spatial: int
    groups: int

    def _size_of_input(self, x: Tensor) -> int:
        n = self.spatial
        if x.ndim not in (n + 1, n + 2):
            axes = "L" if n == 1 else "H, W"
            raise ValueError(
                f"{type(self).__name__}: input of shape {x.shape} must be (N, C, {axes}) or "
                f"(C, {axes})"
            )
        return x.shape[-n - 1]

    def _size_of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[1] * self.groups


class LazyConv1d(_LazyConv, Conv1d):
    """`Conv1d` that takes in_channels from the first input."""


class LazyConv2d(_LazyConv, Conv2d):
    """`Conv2d` that takes in_channels from the first input."""


class _LazyConvTranspose(_LazyConv):
    def _size_of_weight(self, shape: tuple[int, ...]) -> int:
        return shape[0]


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """`ConvTranspose1d` that takes in_channels from the first input."""


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """`ConvTranspose2d` that takes in_channels from the first input."""


class LazyBatchNorm1d(_Lazy, BatchNorm1d):
    """`BatchNorm1d` that takes num_features from the channels of the first input."""


class LazyBatchNorm2d(_Lazy, BatchNorm2d):
    """`BatchNorm2d` that takes num_features from the channels of the first input."""
