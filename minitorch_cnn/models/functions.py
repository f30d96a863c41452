"""torchvision's functions of models: `models.resnet18(num_classes=10)` is `create_model("resnet18",
num_classes=10)`. Models that have the name of their file are made by calling the file's module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .. import nn
from .registry import create_model

NAMES = (
    "densenet121", "densenet161", "densenet169", "densenet201",
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
    "squeezenet1_0", "squeezenet1_1",
    "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
    "wide_resnet50_2", "wide_resnet101_2",
)  # fmt: skip


# Names that are those of modules here, and of the model that torchvision makes by them.
FILES = {
    "alexnet": "alexnet",
    "googlenet": "googlenet_torchvision",
    "inception_v3": "inception_v3",
    "mobilenet_v2": "mobilenet_v2",
}


class ModelFile(ModuleType):
    """A module of a model that makes it when it is called, as torchvision's function does."""

    def __call__(self, *args: Any, **settings: Any) -> nn.Module:
        name = self.__name__.rpartition(".")[2]
        return function_of(FILES[name])(*args, **settings)


@functools.cache
def function_of(name: str) -> Callable[..., nn.Module]:
    """The function that makes the model of that name."""

    def make(
        pretrained: bool = False, progress: bool = True, *, weights: Any = None, **settings: Any
    ) -> nn.Module:
        if pretrained or weights is not None:
            given = f"weights={weights!r}" if weights is not None else f"pretrained={pretrained!r}"
            raise ValueError(
                f"{name}: {given} is not here; load a file of torchvision's weights with "
                "model.load_state_dict(mt.load(path)), or hub.load_state_dict_from_url(url)"
            )
        return create_model(name, **settings)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"`create_model({name!r}, **settings)`, under torchvision's name; ValueError for "
        "pretrained weights, which a file brings."
    )
    return make
