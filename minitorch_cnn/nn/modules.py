"""torch.nn.modules: the layers under the names of PyTorch's files.

`from minitorch_cnn.nn.modules.batchnorm import _BatchNorm` and `nn.modules.utils._pair` lead to the
classes and functions of this package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import repeat
from types import ModuleType
from typing import Any, cast

from . import (
    activation,
    attention,
    container,
    conv,
    distance,
    dropout,
    embedding,
    lazy,
    linear,
    loss,
    margin_loss,
    module,
    norm,
    padding,
    parameters,
    piecewise,
    pool,
    rearrange,
    recurrent,
    recurrent_cells,
    sync_batch_norm,
    unfold,
)
from .module import Module


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that turns an iterable into a tuple, and any other value into n copies of it."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(cast("Iterable[Any]", x) if isinstance(x, Iterable) else repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """The elements from the last to the first, each n times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Strip `prefix`, such as DataParallel's "module.", from a state dict's names, in place."""
    for name in list(state_dict):
        value = state_dict.pop(name)
        state_dict[name.removeprefix(prefix)] = value


UTILS: tuple[Callable[..., Any], ...] = (
    _ntuple,
    _single,
    _pair,
    _triple,
    _quadruple,
    _reverse_repeat_tuple,
    consume_prefix_in_state_dict_if_present,
)

# PyTorch's files, and the files here that define their classes.
FILES = {
    "activation": (activation, attention, piecewise),
    "batchnorm": (norm, sync_batch_norm, lazy),
    "channelshuffle": (rearrange,),
    "container": (container, parameters),
    "conv": (conv, lazy),
    "distance": (distance,),
    "dropout": (dropout,),
    "flatten": (rearrange,),
    "fold": (unfold,),
    "instancenorm": (norm,),
    "linear": (linear, lazy),
    "loss": (loss, margin_loss),
    "module": (module,),
    "normalization": (norm,),
    "padding": (padding,),
    "pixelshuffle": (rearrange,),
    "pooling": (pool,),
    "rnn": (recurrent, recurrent_cells),
    "sparse": (embedding,),
    "transformer": (attention,),
    "upsampling": (rearrange,),
}


def _layers(here: ModuleType) -> dict[str, type[Module]]:
    """The classes of layers that one of our files defines."""
    return {
        name: value
        for name, value in vars(here).items()
        if isinstance(value, type) and value.__module__ == here.__name__
    }


def _place(name: str, members: dict[str, Any]) -> ModuleType:
    """A submodule of that name."""
    place = ModuleType(f"{__name__}.{name}", "A second place: see minitorch_cnn/nn/modules.py.")
    vars(place).update(members)
    return sys.modules.setdefault(place.__name__, place)


for _file, _sources in FILES.items():
    _members = {k: v for source in _sources for k, v in _layers(source).items()}
    globals()[_file] = _place(_file, _members)
    globals().update({k: v for k, v in _members.items() if not k.startswith("_")})
utils = _place("utils", {f.__name__: f for f in UTILS})
