"""Translate the names of weights in a file to those of a model.

A file of trained weights has the names of the program that wrote it. Wrappers add prefixes
("module." by data parallel training, "_orig_mod." by compiled models, "model." or "backbone." by a
trainer's class), tools leave counters among the weights, and libraries have renamed layers since.
Any other difference is not a matter of names and remains.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

from ..tensor import Tensor
from .efficientnet_names import timms_names

# Parts of a name that wrappers add, anywhere: DataParallel may wrap only the features.
WRAPPERS = re.compile(
    r"(?<![^.])(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
# Entries that thop (which counts operations) and torch's AveragedModel leave among the weights.
COUNTERS = re.compile(r"(.*\.)?(total_ops|total_params|n_averaged)")
# Earlier and alternative names, for models with the later one: torchvision's DenseNets of 2017,
# timm's VGGs.
RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"(^|\.)pre_logits\.fc1\."), r"\1classifier.0."),
    (re.compile(r"(^|\.)pre_logits\.fc2\."), r"\1classifier.3."),
    (re.compile(r"(^|\.)head\.fc\."), r"\1classifier.6."),
)
# Names of the last layer in torchvision, timm and pretrained-models.pytorch.
LAST = {"fc", "last_linear", "classifier", "classif", "head", "head.fc", "linear", "classifier.1"}
PROBES = 8  # of the model's names, from either end, that are used to find a prefix


def fitted(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with the names and shapes of a model's state `own`, where they are recognised.

    A shape changes only if the order of the numbers is the same: (1, C) for (C), and (O, C, H, W)
    for (O, C H W) or the reverse, since a linear layer is a convolution over its whole input.
    """
    known = set(own)
    weights = {k: v for k, v in state.items() if k in known or not COUNTERS.fullmatch(k)}
    unwrapped = [name if name in known else WRAPPERS.sub("", name) for name in weights]
    timms = timms_names(unwrapped, own)
    renamed = {
        _later(timms[name], known): value
        for name, value in zip(unwrapped, weights.values(), strict=True)
    }
    if len(renamed) < len(weights):  # two weights would get the same name
        renamed = weights
    renamed = _without_prefix(renamed, list(own))
    renamed = _with_last_layer(renamed, own)
    return {
        name: _in_shape(value, own[name]) if name in known else value
        for name, value in renamed.items()
    }


def _later(name: str, known: set[str]) -> str:
    """The later name of a weight that has an earlier one, if the model has it."""
    if name in known:
        return name
    for pattern, later in RENAMED:
        new = pattern.sub(later, name)
        if new != name and _ends_in_one_of(known, new):
            return new
    return name


def _ends_in_one_of(known: set[str], name: str) -> bool:
    """Whether `name` is one of the model's, with or without a prefix."""
    parts = name.split(".")
    return any(".".join(parts[i:]) in known for i in range(len(parts)))


def _without_prefix(state: dict[str, Tensor], own: list[str]) -> dict[str, Tensor]:
    """`state` without the prefix that precedes the model's names, if there is one."""
    probes = {*own[:PROBES], *own[-PROBES:]}
    prefixes = {
        name.removesuffix(probe) for probe in probes for name in state if name.endswith("." + probe)
    }
    fits = {prefix: sum(prefix + name in state for name in own) for prefix in {"", *prefixes}}
    best = max(sorted(fits, key=len), key=fits.__getitem__)
    short = {name.removeprefix(best): value for name, value in state.items()}
    return short if len(short) == len(state) else state


def _with_last_layer(state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with its last layer under the model's name, if nothing else differs."""
    lacks, has = (
        {n.rpartition(".")[0] for n in a if n not in b} for a, b in ((own, state), (state, own))
    )
    lacks = {stem for stem in lacks if f"{stem}.num_batches_tracked" not in own}
    if len(lacks) != 1 or len(has) != 1 or not has <= LAST:
        return state
    (ours,), (theirs,) = lacks, has
    mine, given = own.get(f"{ours}.weight"), state.get(f"{theirs}.weight")
    if mine is None or given is None or prod(mine.shape[1:]) != prod(given.shape[1:]):
        return state
    return {
        f"{ours}.{name.removeprefix(theirs + '.')}"
        if name.startswith(theirs + ".")
        else name: value
        for name, value in state.items()
    }


def _in_shape(value: Tensor, own: Tensor) -> Tensor:
    """`value` reshaped to `own`, if both represent the same layer."""
    shape, wanted = value.shape, own.shape
    if shape == wanted or prod(shape) != prod(wanted):
        return value
    row = shape == (1, *wanted) or prod(shape) == 1
    linear = {len(shape), len(wanted)} == {2, 4} and shape[0] == wanted[0]
    flat = len(wanted) == 2 or wanted[2:] == (1, 1)
    return value.reshape(wanted) if row or (linear and flat) else value
