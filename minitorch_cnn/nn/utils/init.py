"""skip_init: a module whose parameters nobody has initialised."""

from __future__ import annotations

import numpy as np

from ... import devices
from ..module import Module
from ..parameter import Parameter, shapes_only


def skip_init(module_cls: type[Module], *args, **kwargs) -> Module:
    """module_cls(*args, **kwargs) without drawing numbers for its parameters, which are zeros.

    PyTorch's are whatever the memory holds. A `device` among the arguments is where they lie.
    """
    with shapes_only():
        module = module_cls(*args, **kwargs)
    device = devices.check_device(kwargs.get("device"), "skip_init")
    for child in module.modules():
        for name, p in child._parameters.items():
            if p is not None:
                array = devices.moved(np.zeros(p.shape, p.dtype), device, "skip_init")
                child._parameters[name] = Parameter(array, p.requires_grad)
    return module
