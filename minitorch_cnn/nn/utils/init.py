"""skip_init: a module whose parameters nobody has initialised."""

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
    """module_cls(*args, **kwargs) without drawing numbers for its parameters, which are zeros.

    PyTorch's are whatever the memory holds. A `device` among the arguments is where they lie.
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
