"""The registry of models by name: builder, cost and input."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from .. import nn
from ..spelling import nearest
from .net_file import NetFile, find_net, is_net_file
from .preprocessing import Preprocessing
from .settings import check_settings, takes

PUBLISHED_SHAPE = (3, 224, 224)


@dataclass(frozen=True)
class Entry:
    """A model by its name.

    build: the function or class that makes it; params: its trainable parameters with the default
    settings; macs: the multiply-adds of its convolutions and linear layers for one image of
    input_shape, (C, H, W), the published size, in evaluation. The three may be None for a user's
    own net. of_pixels: whether it labels every pixel, with logits (N, num_classes, H, W);
    preprocessing: the image preparation that its published weights expect, None without such
    weights; file: the file of a net named FILE.py:NAME.
    """

    name: str
    build: Callable[..., nn.Module]
    params: int | None = None
    macs: int | None = None
    input_shape: tuple[int, int, int] | None = None
    of_pixels: bool = False
    preprocessing: Preprocessing | None = None
    file: NetFile | None = None

    @property
    def own(self) -> bool:
        """Whether it is a user's net, not one of this package."""
        package = __name__.partition(".")[0]
        return self.file is not None or self.build.__module__.partition(".")[0] != package

    def takes(self, setting: str) -> bool:
        """Whether the net has a setting of that name, as far as its signature tells."""
        return takes(self.build, setting) if self.file is None else self.file.takes(setting)


_entries: dict[str, Entry] = {}


def register(
    build: Callable[..., nn.Module] | None = None,
    *,
    name: str | None = None,
    params: int | None = None,
    macs: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    of_pixels: bool = False,
    preprocessing: Preprocessing | None = None,
) -> Callable[..., Any]:
    """Register the decorated function or class under its own name, or under `name`.

    `create_model`, `list_models` and, in the same process, the commands then find it.

        @mt.models.register
        def small(num_classes=10, in_channels=1):
            return nn.Sequential(nn.Conv2d(in_channels, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                                 nn.Flatten(), nn.Linear(8, num_classes))

    The settings `num_classes` and `in_channels` receive the data's numbers. params, macs: its cost
    with the default settings, for one image of input_shape (C, H, W), by default (3, 224, 224) if
    macs is given; otherwise images have the size of the data. of_pixels, preprocessing: see Entry.

    Raises: ValueError if the name is taken, or is not a word of letters, digits, _, - and dots;
    TypeError unless a function or class is decorated.
    """

    def enter(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        if not callable(build) or isinstance(build, nn.Module):
            raise TypeError(
                f"register: build must be a function or a class that makes the net, got a "
                f"{type(build).__name__}"
            )
        own = getattr(build, "__name__", type(build).__name__) if name is None else name
        if not isinstance(own, str) or not re.fullmatch(r"\w[\w.-]*", own):
            raise ValueError(
                f"register: name={own!r} must be a word of letters, digits, _, - and dots"
            )
        if own in _entries:
            raise ValueError(f"register: name={own!r} is taken by {_entries[own].build.__module__}")
        shape = input_shape or (None if macs is None else PUBLISHED_SHAPE)
        _entries[own] = Entry(own, build, params, macs, shape, of_pixels, preprocessing)
        return build

    return enter if build is None else enter(build)


def create_model(name: str, **settings: Any) -> nn.Module:
    """Create a model with freshly initialised weights.

    name: a registered one, or "FILE.py:NAME" for NAME in that file, which is executed: a class or
    function that makes a net, or a net. settings: the arguments of the function of that name,
    usually `num_classes` and `in_channels`.

    Raises: KeyError for an unknown name, with the nearest known one; TypeError for an unknown
    setting, with the nearest known one, or a missing setting; ValueError for a file without such a
    net, or with an error in it.

        model = mt.models.create_model("lenet5", num_classes=10)
    """
    return build_entry(model_entry(name), settings)


def build_entry(entry: Entry, settings: dict[str, object]) -> nn.Module:
    """Create the model of an entry. Raises: as `create_model`.

    num_classes and in_channels are checked for registered models.
    """
    if entry.file is not None:
        return entry.file.build(settings)
    if entry.own:
        check_settings("create_model", entry.name, entry.build, settings)
        model = entry.build(**settings)
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"create_model: {entry.name} must give a Module, got a {type(model).__name__}"
            )
        return model
    for name in ("num_classes", "in_channels"):
        value = settings.get(name, 1)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"create_model: {name}={value!r} must be an integer of at least 1")
    try:
        return entry.build(**settings)
    except TypeError as error:
        unknown = re.search(r"(\w+)\S*\(\) got an unexpected keyword argument '(\w+)'", str(error))
        if unknown is None or unknown[2] not in settings:
            raise
        function, setting = unknown.groups()
        raise TypeError(_lacks_setting(entry, function, setting, error.__traceback__)) from None


def _lacks_setting(entry: Entry, function: str, setting: str, trace: Any) -> str:
    """The message for a setting that a model's function or class did not accept."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    build = entry.build
    taker = build if function == build.__name__ else trace.tb_frame.f_globals.get(function)
    text = f"create_model: {entry.name} has no setting {setting!r}"
    if taker is None:
        return text
    parameters = inspect.signature(taker).parameters.values()
    has = [p.name for p in parameters if p.default is not p.empty]  # others are internal
    return f"{text}; it has {', '.join(has)}{nearest(setting, has)}"


def list_models(pattern: str = "*") -> list[str]:
    """List the registered names that match a shell pattern (`resnet*`, `vgg1[69]`), sorted."""
    return sorted(fnmatch.filter(_entries, pattern))


def model_entry(name: str) -> Entry:
    """Find the entry of a name, or of "FILE.py:NAME", whose file is executed.

    Raises: KeyError for an unknown name, with the nearest known one; ValueError for a file without
    such a net, or with an error in it.
    """
    if is_net_file(name):
        return file_entry(find_net(name))
    if name not in _entries:
        raise KeyError(f"create_model: there is no model {name!r}{nearest(name, _entries)}")
    return _entries[name]


def file_entry(file: NetFile) -> Entry:
    """The entry of a net in a file."""
    return Entry(file.label, lambda **settings: file.build(settings), file=file)
