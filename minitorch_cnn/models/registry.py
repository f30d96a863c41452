"""The names of the models: who builds each, what it costs, what it looks at."""

from __future__ import annotations

import difflib
import fnmatch
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from ..nn import Module
from .preprocessing import Preprocessing


@dataclass(frozen=True)
class Entry:
    """A registered model.

    build: the function that makes it; params: its trainable parameters with the default settings;
    macs: the multiply-adds of its convolutions and linear layers for one image of input_shape,
    (C, H, W), the size it was published for, in evaluation; of_pixels: whether it says of every
    pixel what it belongs to, logits (N, num_classes, H, W); preprocessing: what its published
    weights expect of an image, None where there are none.
    """

    name: str
    build: Callable[..., Module]
    params: int
    macs: int
    input_shape: tuple[int, int, int]
    of_pixels: bool = False
    preprocessing: Preprocessing | None = None


_entries: dict[str, Entry] = {}


def register(
    *,
    params: int,
    macs: int,
    input_shape: tuple[int, int, int] = (3, 224, 224),
    of_pixels: bool = False,
    preprocessing: Preprocessing | None = None,
) -> Callable:
    """Enter the decorated function under its own name.

        @register(params=25_557_032, macs=4_089_184_256)
        def resnet50(**settings):
            return ResNet(50, **settings)

    Raises: ValueError if the name is taken.
    """

    def enter(build: Callable[..., Module]) -> Callable[..., Module]:
        name = build.__name__
        if name in _entries:
            raise ValueError(
                f"register: name={name!r} is taken by {_entries[name].build.__module__}"
            )
        _entries[name] = Entry(name, build, params, macs, input_shape, of_pixels, preprocessing)
        return build

    return enter


def create_model(name: str, **settings) -> Module:
    """A new model with freshly drawn weights.

    settings: what the function of that name takes, usually `num_classes` and `in_channels`.

    Raises: KeyError for an unknown name, with the nearest known one; TypeError for a setting that
    the model does not have, with the nearest one that it has.

        model = mt.models.create_model("lenet5", num_classes=10)
    """
    try:
        return model_entry(name).build(**settings)
    except TypeError as error:
        unknown = re.search(r"(\w+)\S*\(\) got an unexpected keyword argument '(\w+)'", str(error))
        if unknown is None or unknown[2] not in settings:
            raise
        raise TypeError(_lacks_setting(name, *unknown.groups(), error.__traceback__)) from None


def _lacks_setting(name: str, function: str, setting: str, trace: TracebackType) -> str:
    """The sentence for a setting of a model that a function or class did not take."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    build = model_entry(name).build
    taker = build if function == build.__name__ else trace.tb_frame.f_globals.get(function)
    text = f"create_model: {name} has no setting {setting!r}"
    if taker is None:
        return text
    parameters = inspect.signature(taker).parameters.values()
    has = [p.name for p in parameters if p.default is not p.empty]  # others are not the user's
    near = difflib.get_close_matches(setting, has, n=1, cutoff=0.5)
    nearest = f"; the nearest is {near[0]!r}" if near else ""
    return f"{text}; it has {', '.join(has)}{nearest}"


def list_models(pattern: str = "*") -> list[str]:
    """The registered names that match a pattern of the shell (`resnet*`, `vgg1[69]`), sorted."""
    return sorted(fnmatch.filter(_entries, pattern))


def model_entry(name: str) -> Entry:
    """What is registered under a name.

    Raises: KeyError for an unknown name, with the nearest known one.
    """
    if name not in _entries:
        near = difflib.get_close_matches(str(name), _entries, n=1, cutoff=0)
        raise KeyError(f"create_model: there is no model {name!r}; the nearest is {near[0]!r}")
    return _entries[name]
