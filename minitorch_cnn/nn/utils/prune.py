"""Pruning: weights that stay 0; the functions of torch.nn.utils.prune.

Pruning replaces a parameter NAME by the parameter NAME_orig and the buffer NAME_mask of 0 and 1.
Before each forward, the attribute NAME is set to their product. Several calls multiply their masks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...random import default_generator
from ...tensor.tensor import Tensor
from ..module import Module
from ..parameter import Parameter

Amount = int | float


def identity(module: Module, name: str) -> Module:
    """Install a mask of ones, which prunes nothing."""
    return custom_from_mask(module, name, np.ones(_own(module, name).shape, bool))


def random_unstructured(module: Module, name: str, amount: Amount) -> Module:
    """Prune random weights; amount: a fraction of the remaining ones, or a number."""
    left = _mask(module, name).reshape(-1)
    chosen = np.flatnonzero(left)
    count = _count("random_unstructured", amount, len(chosen))
    return _without(module, name, default_generator().choice(chosen, count, replace=False))


def l1_unstructured(
    module: Module, name: str, amount: Amount, importance_scores: Tensor | None = None
) -> Module:
    """Prune the weights of the smallest absolute values, or of the smallest importance_scores."""
    left = _mask(module, name).reshape(-1)
    chosen = np.flatnonzero(left)
    count = _count("l1_unstructured", amount, len(chosen))
    scores = np.abs(_scores(module, name, importance_scores)).reshape(-1)[chosen]
    return _without(module, name, chosen[np.argsort(scores, kind="stable")[:count]])


def random_structured(module: Module, name: str, amount: Amount, dim: int) -> Module:
    """Prune random slices along `dim`; 0 prunes output channels."""
    slices = _slices(module, name, dim)
    chosen = np.flatnonzero(slices)
    count = _count("random_structured", amount, len(chosen))
    return _without_slices(
        module, name, dim, default_generator().choice(chosen, count, replace=False)
    )


def ln_structured(
    module: Module,
    name: str,
    amount: Amount,
    n: float,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Module:
    """Prune the slices along `dim` of the smallest n-norm."""
    slices = _slices(module, name, dim)
    chosen = np.flatnonzero(slices)
    count = _count("ln_structured", amount, len(chosen))
    scores = np.moveaxis(_scores(module, name, importance_scores), dim, 0)
    norms = np.linalg.norm(scores.reshape(len(scores), -1), n, axis=1)[chosen]
    return _without_slices(module, name, dim, chosen[np.argsort(norms, kind="stable")[:count]])


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type,
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune the weights of the smallest absolute values among several parameters (module, name).

    pruning_method: `L1Unstructured` or `RandomUnstructured`; amount: as in these.

    Raises: TypeError for another method.
    """
    if pruning_method not in (L1Unstructured, RandomUnstructured):
        raise TypeError(
            f"global_unstructured: pruning_method={pruning_method!r} must be L1Unstructured or "
            "RandomUnstructured"
        )
    pairs, given = list(parameters), importance_scores or {}
    masks = [_mask(*pair).reshape(-1) for pair in pairs]
    scores = [np.abs(_scores(*pair, given.get(pair))).reshape(-1) for pair in pairs]
    left = np.flatnonzero(np.concatenate(masks))
    count = _count("global_unstructured", kwargs["amount"], len(left))
    if pruning_method is RandomUnstructured:
        gone = default_generator().choice(left, count, replace=False)
    else:
        gone = left[np.argsort(np.concatenate(scores)[left], kind="stable")[:count]]
    start = 0
    for pair, mask in zip(pairs, masks, strict=True):
        own = gone[(gone >= start) & (gone < start + len(mask))] - start
        start += len(mask)
        _without(*pair, own)


class L1Unstructured:
    """For `global_unstructured`: by absolute value."""


class RandomUnstructured:
    """For `global_unstructured`: at random."""


def custom_from_mask(module: Module, name: str, mask: Tensor | np.ndarray) -> Module:
    """Prune where a mask of the parameter's shape is 0.

    Raises: ValueError for another shape.
    """
    own = _own(module, name)
    keep = np.asarray(mask)
    if keep.shape != own.shape:
        raise ValueError(
            f"custom_from_mask: mask of shape {keep.shape} must have {name}'s shape {own.shape}"
        )
    new = Tensor((keep != 0).astype(own.dtype)).to(device=own.device)
    if f"{name}_orig" in module._parameters:
        module._buffers[f"{name}_mask"] = module.get_buffer(f"{name}_mask") * new
    else:
        del module._parameters[name]
        module.register_parameter(f"{name}_orig", own)
        module.register_buffer(f"{name}_mask", new)
        module.register_forward_pre_hook(_Masked(name))
    _Masked(name)(module, ())
    return module


class _Masked:
    """The hook that applies the mask."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, module: Module, inputs: tuple[Any, ...]) -> None:
        original = module.get_parameter(f"{self.name}_orig")
        pruned = original * module.get_buffer(f"{self.name}_mask")
        object.__setattr__(module, self.name, pruned)


def remove(module: Module, name: str) -> Module:
    """Make the pruned weight a parameter again, zeros included.

    Raises: ValueError for a parameter that is not pruned.
    """
    keys = [
        key
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook.function, _Masked) and hook.function.name == name
    ]
    if not keys:
        raise ValueError(f"remove: {name} of {type(module).__name__} is not pruned")
    original, mask = module.get_parameter(f"{name}_orig"), module.get_buffer(f"{name}_mask")
    original.data = original.detach() * mask
    del module._parameters[f"{name}_orig"], module._buffers[f"{name}_mask"]
    for key in keys:
        del module._forward_pre_hooks[key]
    object.__delattr__(module, name)
    module.register_parameter(name, original)
    return module


def is_pruned(module: Module) -> bool:
    """Whether any parameter of the module or its descendants is pruned."""
    return any(
        isinstance(hook.function, _Masked)
        for child in module.modules()
        for hook in child._forward_pre_hooks.values()
    )


def _own(module: Module, name: str) -> Parameter:
    found = module._parameters.get(f"{name}_orig", module._parameters.get(name))
    if found is None:
        raise AttributeError(f"prune: {type(module).__name__} has no parameter {name!r}")
    return found


def _mask(module: Module, name: str) -> np.ndarray:
    own = _own(module, name)
    mask = module._buffers.get(f"{name}_mask")
    return np.ones(own.shape) if mask is None else mask.cpu().numpy()


def _scores(module: Module, name: str, given: Tensor | None) -> np.ndarray:
    return (_own(module, name) if given is None else given).detach().cpu().numpy()


def _slices(module: Module, name: str, dim: int) -> np.ndarray:
    mask = np.moveaxis(_mask(module, name), dim, 0)
    return np.asarray(mask.reshape(len(mask), -1).any(1))


def _count(name: str, amount: Amount, size: int) -> int:
    whole = isinstance(amount, (int, np.integer))
    if not 0 <= amount <= (size if whole else 1):
        raise ValueError(f"{name}: amount={amount!r} must be a fraction in [0, 1], or in 0..{size}")
    return int(amount) if whole else round(amount * size)


def _without(module: Module, name: str, places: np.ndarray) -> Module:
    keep = np.ones(_own(module, name).shape)
    keep.reshape(-1)[places] = 0
    return custom_from_mask(module, name, keep)


def _without_slices(module: Module, name: str, dim: int, places: np.ndarray) -> Module:
    keep = np.ones(_own(module, name).shape)
    np.moveaxis(keep, dim, 0)[places] = 0
    return custom_from_mask(module, name, keep)
