"""Helpers of the analyses: modules by name, their outputs, and preserving a model's mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np

from .. import kernels
from ..autograd.array_function import ArrayFunction
from ..functional.activation import ReLU6
from ..functional.batch_norm_ops import BatchNorm, BatchNormReLUOfSum, ChannelAffine
from ..functional.conv import Conv2d
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..spelling import nearest
from ..tensor import Tensor
from ..tensor.activation import ReLU, ReLUOfSum

# Operations that may include a ReLU, as their attribute `relu` says.
MAY_RECTIFY = (BatchNorm, BatchNormReLUOfSum, ChannelAffine, Conv2d, ReLUOfSum)


def module_named(function: str, model: Module, layer: str) -> Module:
    """The module with that dotted name.

    Raises: KeyError, in the name of `function`, if there is none, naming the nearest one.
    """
    named = dict(model.named_modules())
    if layer not in named:
        last = f"; the last one is {list(named)[-1]!r}"
        near = nearest(layer, filter(None, named))
        raise KeyError(f"{function}: layer={layer!r} names no module{near or last}")
    return named[layer]


@contextmanager
def recorded(model: Module) -> Iterator[dict[str, Tensor]]:
    """Record the first output of each module that runs in the block, by name, as they end.

    If a module runs more than once, its last run counts.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module, inputs, output):
            found.pop(name, None)
            found[name] = first_output(output)

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def maps_of(
    function: str, model: Module, x: Tensor, layer: str
) -> tuple[Tensor, Tensor | tuple[Tensor, ...]]:
    """Compute the maps (N, C, h, w) of `layer` for x in evaluation mode, and the model's output.

    Raises: KeyError or ValueError, in the name of `function`, if there are none.
    """
    module_named(function, model, layer)
    with recorded(model) as outputs, evaluation(model):
        output = model(x)
    if layer not in outputs:
        raise KeyError(f"{function}: layer={layer!r} did not run")
    y = outputs[layer]
    if not isinstance(y, Tensor) or y.ndim != 4:
        found = f"of shape {y.shape}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(
            f"{function}: layer={layer!r} has outputs {found}, which must be maps (N, C, h, w)"
        )
    return y, output


@contextmanager
def weights_kept(model: Module) -> Iterator[Module]:
    """Restore parameters and buffers after the block."""
    tensors = [*model.parameters(), *model.buffers()]
    before = [t.array.copy() for t in tensors]
    try:
        yield model
    finally:
        for t, array in zip(tensors, before, strict=True):
            t.array = array


def uncompiled(x: Tensor) -> AbstractContextManager:
    """Compute with NumPy on the host during the block: for shapes or a few images, compiling the
    kernels would dominate the time.
    """
    return kernels.use("numpy") if type(x.array) is np.ndarray else nullcontext()


def rectifies(node: object) -> bool:
    """Whether a node of the graph ends in max(y, 0): a ReLU, ReLU6, or an op that includes one."""
    return node.relu if isinstance(node, MAY_RECTIFY) else isinstance(node, ReLU | ReLU6)


def ancestors(origins: Iterable[ArrayFunction | Tensor | None]) -> list[ArrayFunction]:
    """The origins that are nodes of autograd's graph, and all their ancestors, oldest first."""
    found: set[ArrayFunction] = set()
    waiting = list(origins)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ArrayFunction) and node not in found:
            found.add(node)
            waiting += [source for source, _ in filter(None, node.edges)]
    return sorted(found, key=lambda node: node.age)


def chosen_classes(
    function: str, logits: Tensor, labels: np.ndarray | Tensor | None = None
) -> np.ndarray:
    """The classes (N,) to explain: `labels`, or the classes that the logits (N, K) predict.

    Raises: ValueError, in the name of `function`, for logits that are not (N, K) or not finite and
    for labels that are not N integers from 0 to K - 1.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        found = f"shape {logits.shape}" if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"{function}: model must give logits (N, K), one row for each image, not {found}"
        )
    if not np.isfinite(logits.array).all():
        raise ValueError(f"{function}: model gives NaN or infinite values, must be finite")
    if labels is None:
        return logits.array.argmax(1)
    chosen = _checked_labels(function, labels, len(logits))
    wrong = chosen[(chosen < 0) | (chosen >= logits.shape[1])]
    if wrong.size:
        raise ValueError(
            f"{function}: labels has {wrong[0]}, must be from 0 to {logits.shape[1] - 1}"
        )
    return chosen


def _checked_labels(function: str, labels: np.ndarray | Tensor, count: int) -> np.ndarray:
    """labels (count,) as int64; ValueError, in the name of `function`, unless they are that many
    integers.
    """
    array = np.asarray(labels.array if isinstance(labels, Tensor) else labels)
    if array.shape != (count,):
        raise ValueError(f"{function}: labels of shape {array.shape} must be ({count},)")
    whole = array.astype(np.int64) if array.dtype.kind in "iuf" else None
    if whole is None or (whole != array).any():
        raise ValueError(f"{function}: labels of dtype {array.dtype} must be integers")
    return whole


def checked_batch(function: str, x: Tensor, labels: np.ndarray | Tensor | None = None) -> Tensor:
    """labels (N,) as int64 for images x (N, C, H, W), N > 0; zeros for None.

    Raises: in the name of `function` TypeError for images that are not a Tensor; ValueError for
    other shapes, labels that are not integers, or images with NaN or infinite values.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{function}: x must be a Tensor, got {type(x).__name__}")
    if x.ndim != 4 or len(x) == 0:
        raise ValueError(f"{function}: x of shape {x.shape} must be images (N, C, H, W), N > 0")
    if not np.isfinite(x.array).all():
        raise ValueError(f"{function}: x has NaN or infinite values, must be finite")
    if labels is None:
        return Tensor(np.zeros(len(x), np.int64))
    return Tensor(_checked_labels(function, labels, len(x)))
