"""What the analyses share: a model's modules by name, what they give, and its mode kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..functional.activation import ReLU6
from ..functional.conv import Conv2d
from ..functional.norm import BatchNorm, ChannelAffine
from ..nn import Module
from ..tensor import Tensor
from ..tensor.activation import ReLU

# What may have a ReLU in its pass, and says in `relu` whether it has.
MAY_RECTIFY = (BatchNorm, ChannelAffine, Conv2d)


def module_named(function: str, model: Module, layer: str) -> Module:
    """The module of that dotted name.

    Raises: KeyError, in the name of `function`, if there is none.
    """
    named = dict(model.named_modules())
    if layer not in named:
        last = list(named)[-1]
        raise KeyError(
            f"{function}: layer={layer!r} is the name of no module; the last one is {last!r}"
        )
    return named[layer]


@contextmanager
def recorded(model: Module) -> Iterator[dict[str, Tensor]]:
    """The first output of each module that runs inside, under its name, in the order of their ends.

    Of a module that runs more than once it is the last run's.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module, inputs, output):
            found.pop(name, None)
            found[name] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def evaluation(model: Module) -> Iterator[Module]:
    """Evaluation mode inside, and afterwards each module's own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def weights_kept(model: Module) -> Iterator[Module]:
    """Afterwards parameters and buffers are what they were."""
    tensors = [*model.parameters(), *model.buffers()]
    before = [t.data.copy() for t in tensors]
    try:
        yield model
    finally:
        for t, array in zip(tensors, before, strict=True):
            t.data = array


def rectifies(node: object) -> bool:
    """Whether a node of the graph ends in max(y, 0): a ReLU, ReLU6, or an op that has one in it."""
    return node.relu if isinstance(node, MAY_RECTIFY) else isinstance(node, ReLU | ReLU6)


def logits_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """What a model says, without its auxiliary heads."""
    return output[0] if isinstance(output, tuple) else output


def checked_batch(function: str, x: Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
    """labels (N,) as int64 for images x (N, C, H, W), N > 0; zeros for None.

    Raises: ValueError, in the name of `function`, for other shapes.
    """
    if x.ndim != 4 or len(x) == 0:
        raise ValueError(f"{function}: x of shape {x.shape} must be images (N, C, H, W), N > 0")
    labels = np.zeros(len(x)) if labels is None else labels
    array = np.asarray(labels.data if isinstance(labels, Tensor) else labels).astype(np.int64)
    if array.shape != (len(x),):
        raise ValueError(f"{function}: labels of shape {array.shape} must be ({len(x)},)")
    return Tensor(array)
