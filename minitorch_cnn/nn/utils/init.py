"""skip_init: a module without initialised parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ... import devices
from ..module import Module
from ..parameter import Parameter, shapes_only

P = ParamSpec("P")
M = TypeVar("M", bound=Module)


def skip_init(module_cls: Callable[P, M], *args: P.args, **kwargs: P.kwargs) -> M:
    """module_cls(*args, **kwargs) with parameters of zeros, without drawing random numbers.

    In PyTorch they hold whatever the memory contains. A `device` among the arguments is respected.
    """
    with shapes_only():
        module = module_cls(*args, **kwargs)
    where: Any = kwargs.get("device")
    device = devices.check_device(where, "skip_init")
    for child in module.modules():
        for name, p in child._parameters.items():
            if p is not None:
                array = devices.moved(np.zeros(p.shape, p.dtype), device, "skip_init")
                child._parameters[name] = Parameter(array, p.requires_grad)
    return module
