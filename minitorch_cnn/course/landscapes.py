"""Notebook 8: checks of directions and losses around the weights."""

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import no_grad
from ..random import manual_seed
from ..tensor import Tensor
from .answer import No, check, compare

SEED = 8


def net():
    manual_seed(SEED)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    ).eval()


@check
def direction(function) -> str:
    """function(net, rng) -> an array per parameter, filters as long as the net's."""
    model = net()
    found = list(function(model, np.random.default_rng(SEED)))
    parameters = list(model.named_parameters())
    if len(found) != len(parameters):
        raise No(f"{len(found)} arrays for {len(parameters)} parameters")
    for (name, p), d in zip(parameters, found, strict=True):
        if np.shape(d) != p.shape:
            raise No(f"the array of {name} has shape {np.shape(d)}, not {p.shape}")
        if p.ndim == 1 and np.any(d):
            raise No(f"{name} has one axis, and should stay where it is")
        if p.ndim > 1:
            rows = [np.linalg.norm(a.reshape(len(a), -1), axis=1) for a in (d, p.array)]
            if np.allclose(np.linalg.norm(rows[0]), np.linalg.norm(rows[1])) and not np.allclose(
                *rows, rtol=1e-4
            ):
                raise No(f"{name} has the length of the whole weight, but not filter by filter")
            if not np.allclose(*rows, rtol=1e-4):
                raise No(f"the filters of {name} have not the lengths of the weights'")
    again = function(model, np.random.default_rng(SEED + 1))
    if all(np.allclose(a, b) for a, b in zip(found, again, strict=True)):
        raise No("two generators give the same direction")
    return "every filter as long as the net's own, biases and batch norms at rest"


@check
def line(function) -> str:
    """function(net, direction, steps, x, labels) -> losses; the net is afterwards as before."""
    model, rng = net(), np.random.default_rng(SEED)
    x, labels = Tensor(rng.standard_normal((6, 1, 4, 4)).astype(np.float32)), np.arange(6) % 3
    way = [rng.standard_normal(p.shape) * (p.ndim > 1) for p in model.parameters()]
    before = [p.array.copy() for p in model.parameters()]
    mine = np.asarray(function(model, way, [-0.5, 0.0, 0.5], x, labels))
    for p, old in zip(model.parameters(), before, strict=True):
        if not np.array_equal(p.array, old):
            raise No("the net's weights are not what they were before")
    right = []
    with no_grad():
        for step in (-0.5, 0.0, 0.5):
            for p, old, d in zip(model.parameters(), before, way, strict=True):
                p.array = (old + step * d).astype(np.float32)
            right.append(F.cross_entropy(model(x), Tensor(labels)).item())
    compare(mine, np.array(right), "the loss", tolerance=1e-4)
    return "the losses, and the weights are what they were"


@check
def rescaling(function) -> str:
    """function(net, factor) changes a convolution before batch norm, and not the net's outputs."""
    model, rng = net(), np.random.default_rng(SEED)
    x = Tensor(rng.standard_normal((6, 1, 4, 4)).astype(np.float32))
    with no_grad():
        model.train()
        before, weights = model(x).array.copy(), model[0].weight.array.copy()
        function(model, 10.0)
        after, changed = model(x).array, model[0].weight.array
    if np.allclose(weights, changed):
        raise No("no weight of a convolution has changed")
    if not np.allclose(changed, 10 * weights, rtol=1e-4):
        raise No("the convolution's weights are not multiplied by the factor")
    compare(after, before, "the output", tolerance=1e-2)
    return "other weights, the same outputs"
