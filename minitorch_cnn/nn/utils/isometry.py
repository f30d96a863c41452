"""Orthonormal filters and modulated gradients: deep plain nets without shortcuts.

D. Xie, J. Xiong, S. Pu (2017), "All you need is beyond a good init: exploring better solution for
training extremely deep convolutional neural networks with orthonormality and modulation", CVPR
2017, arXiv 1703.01827. A layer with orthonormal filters keeps the length of signals and gradients,
and the small rest of change is corrected in the backward pass.

    (lambda / 2) sum_l ||W_l' W_l - I||_F^2,    W_l (inputs of a filter, filters)

is added to the loss instead of weight decay. PyTorch has neither function. The recipe:

    for conv in convolutions: nn.init.orthogonal_(conv.weight)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0)
    handle = modulate_gradients(modules)    # of convolution, batch norm and ReLU
    ...
    loss = F.cross_entropy(net(x), y) + 0.01 * orthonormality(net.parameters())

Deviations from the paper
- It modulates in an initial part of training, by a schedule; here every backward pass is modulated
  until the handle is removed, and only where sizes differ by more than `tolerance`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...tensor.tensor import Tensor
from ..module import Module


def orthonormality(parameters: Tensor | Iterable[Tensor]) -> Tensor:
    """Half of the sum of ||W' W - I||_F^2 over all weights of two or more axes, or 0.

    A weight (O, *) has O filters of n = numel / O inputs, which are the columns of W (n, O). At
    most n filters can be orthonormal: if O > n, W is split into ceil(O / n) groups of columns, each
    with a penalty of its own. Biases and the weights of batch norms, of one axis, are left out.

    Its gradient is 2 W (W' W - I) for each group.

    Raises: TypeError for values that are not Tensors.

        loss = F.cross_entropy(net(x), y) + 1e-4 * nn.utils.orthonormality(net.parameters())
    """
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total: Any = None
    for w in given:
        if not isinstance(w, Tensor):
            raise TypeError(f"orthonormality: parameters must be Tensors, got {type(w).__name__}")
        if w.ndim < 2 or w.numel() == 0:
            continue
        rows = w.reshape(w.shape[0], -1)  # the filters: W'
        inputs = rows.shape[1]
        for start in range(0, len(rows), inputs):
            part = rows[start : start + inputs]
            identity = Tensor(np.eye(len(part), dtype=w.dtype, like=w.array))
            penalty = ((part @ part.T - identity) ** 2).sum() / 2
            total = penalty if total is None else total + penalty
    return Tensor(np.zeros(())) if total is None else total


class Modulation:
    """What `modulate_gradients` returns; `remove()` ends it.

    factors: by module, what its last gradient was multiplied by.
    """

    def __init__(self, modules: list[Module], tolerance: float):
        self.tolerance, self.factors = tolerance, dict.fromkeys(range(len(modules)), 1.0)
        self._reference: tuple[object, float] | None = None
        self._call = object()
        self._handles = [
            module.register_forward_hook(self._hook_of(k)) for k, module in enumerate(modules)
        ]

    def remove(self) -> None:
        """Leave the gradients as they are, from the next forward pass on."""
        for handle in self._handles:
            handle.remove()

    def _hook_of(self, k: int):
        def hook(module: Module, inputs: tuple[Any, ...], output: Any) -> None:
            if k == 0:
                self._call = object()
            if isinstance(output, Tensor) and output.requires_grad:
                call = self._call
                output.register_hook(lambda g: self._modulated(k, call, g))

        return hook

    def _modulated(self, k: int, call: object, g: Tensor) -> Tensor | None:
        size = math.sqrt(float((g.array.astype(np.float64) ** 2).mean())) if g.numel() else 0.0
        if self._reference is None or self._reference[0] is not call:
            self._reference = call, size  # the last module, which the backward pass meets first
            return None
        wanted = self._reference[1]
        self.factors[k] = 1.0
        if not size or not math.isfinite(size) or not wanted:
            return None
        ratio = wanted / size
        if 1 / self.tolerance <= ratio <= self.tolerance:
            return None
        self.factors[k] = ratio
        return g * ratio


def modulate_gradients(modules: Iterable[Module], tolerance: float = 1.0) -> Modulation:
    """Give the gradients of the outputs of modules the size of the last module's.

    modules: in the order in which they run, such as those of convolution, batch norm and ReLU.
    Where two such modules are nearly isometric, the root mean square of the loss's gradient with
    respect to their outputs is the same; the backward pass multiplies each gradient by the factor
    that makes it so, before it goes on to earlier layers. tolerance: the ratio of sizes, at least
    1, up to which a gradient is left as it is. The direction of a layer's gradient stays that of
    the loss for the modulated gradients behind it; its length does not.

    Raises: ValueError without modules or for a tolerance below 1.

        handle = nn.utils.modulate_gradients(net.blocks)    # until handle.remove()
    """
    given = list(modules)
    if not given or not tolerance >= 1:
        raise ValueError(
            f"modulate_gradients: modules must not be empty and tolerance={tolerance} must be at "
            "least 1"
        )
    return Modulation(given, tolerance)
