"""Notebook 8: checks of directions and losses around the weights."""

from typing import Any

import numpy as np

from .. import functional as F
from .. import nn
from ..analysis import loss_line
from ..autograd import no_grad
from ..random import manual_seed
from ..tensor import Tensor
from .answer import check
from .compare import No, compare

SEED = 8


def net(seed: int = SEED) -> nn.Sequential:
    """A small net of a convolution, batch norm and a linear layer, in evaluation mode."""
    manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    ).eval()


def images(seed: int) -> Tensor:
    """Six images for this net."""
    return Tensor(np.random.default_rng(seed).standard_normal((6, 1, 4, 4)).astype(np.float32))


def lengths(a, axis=0):
    """The lengths of the slices of an array along one axis."""
    rows = np.moveaxis(np.asarray(a, float), axis, 0)
    return np.linalg.norm(rows.reshape(len(rows), -1), axis=1)


@check
def direction(function, *, seed: int = SEED) -> str:
    """direction(net, rng) -> an array per parameter, with filters as long as the net's."""
    model = net(seed)
    before = [p.array.copy() for p in model.parameters()]
    found = list(function(model, np.random.default_rng(seed)))
    parameters = list(model.named_parameters())
    if any(
        not np.array_equal(p.array, old) for (_, p), old in zip(parameters, before, strict=True)
    ):
        raise No("the net's weights have changed")
    if len(found) != len(parameters):
        raise No(f"{len(found)} arrays for {len(parameters)} parameters")
    for (name, p), d in zip(parameters, found, strict=True):
        if np.shape(d) != p.shape:
            raise No(f"the array of {name} has shape {np.shape(d)}, not {p.shape}")
        if p.ndim == 1 and np.any(d):
            raise No(f"{name} has one axis, so it should not move")
        if p.ndim > 1:
            filter_by_filter(name, np.asarray(d, float), p.array.astype(float))
    again = function(model, np.random.default_rng(seed + 1))
    if all(np.allclose(a, b) for a, b in zip(found, again, strict=True)):
        raise No("two generators give the same direction")
    return "every filter as long as the net's, biases and batch norms at rest"


def filter_by_filter(name: str, d: np.ndarray, w: np.ndarray) -> None:
    """Raise No unless each d[o] is as long as w[o]."""
    mine, right = lengths(d), lengths(w)
    if np.allclose(mine, right, rtol=1e-4):
        if np.allclose(abs(d), abs(w), rtol=1e-4):
            raise No(f"the direction of {name} is that of the weights: draw it at random")
        return
    if not d.any():
        raise No(f"the direction of {name} is zero")
    for why, wrong in [
        ("have length 1: those of the weights have other lengths", np.ones_like(right)),
        ("have the squares of the weights' lengths: a root is missing", right**2),
        ("have the inverse of the weights' lengths: exchange the two", 1 / right),
        ("have the mean length of the weights' filters instead of each one's own",
         np.full_like(right, right.mean())),
    ]:  # fmt: skip
        if np.allclose(mine, wrong, rtol=1e-4):
            raise No(f"the filters of {name} {why}")
    if np.isclose(np.linalg.norm(mine), np.linalg.norm(right), rtol=1e-4):
        raise No(f"{name} has the length of the whole weight, but not filter by filter")
    if np.allclose(lengths(d, 1), lengths(w, 1), rtol=1e-4):
        raise No(f"{name} is normalised by its inputs: a filter is a row, w[o]")
    if np.ptp(mine / right) < 1e-4 * abs(mine / right).max():
        raise No(f"the filters of {name} are {mine[0] / right[0]:.3g} times as long as the net's")
    raise No(
        f"the filters of {name} do not have the lengths of the weights': the first is "
        f"{mine[0]:.3g} long, not {right[0]:.3g}"
    )


@check
def line(function, *, seed: int = SEED) -> str:
    """loss_along(net, direction, steps, x, labels) -> losses; the net does not change."""
    model, rng = net(seed), np.random.default_rng(seed)
    x, labels = images(seed), rng.permutation(np.arange(6) % 3)
    way = [rng.standard_normal(p.shape) * (p.ndim > 1) for p in model.parameters()]
    before, steps = [p.array.copy() for p in model.parameters()], np.array([-0.5, 0.0, 0.5, 0.75])
    mine = np.asarray(function(model, way, list(steps), x, labels), float)
    if any(not np.array_equal(p.array, w) for p, w in zip(model.parameters(), before, strict=True)):
        raise No("the net's weights have changed: restore them after the steps")

    def losses(places: Any, **how: Any) -> np.ndarray:
        return loss_line(model, x, labels, places, way, **how).losses

    def replaced(place: float) -> float:
        instead = [place * d - w for d, w in zip(way, before, strict=True)]
        return loss_line(model, x, labels, [1.0], instead).losses[0]

    def total(logits: Tensor, right: Tensor) -> Tensor:
        return F.cross_entropy(logits, right, reduction="sum")

    compare(mine, losses(steps), "the loss", tolerance=1e-4, mistakes=[
        ("each step begins where the last one ended: begin at the old weights each time",
         losses(steps.cumsum())),
        ("the steps have the wrong sign", losses(-steps)),
        ("the net does not move: all losses are those of the centre", losses(0 * steps)),
        ("the loss is a sum over the images, not their mean", losses(steps, loss=total)),
        ("all losses are that of the last step", losses(0 * steps + steps[-1])),
        ("the weights are replaced by step * direction instead of moved by it",
         [replaced(step) for step in steps]),
    ])  # fmt: skip
    return "the losses, with unchanged weights"


@check
def rescaling(function, *, seed: int = SEED) -> str:
    """rescale(net, factor) changes a convolution before batch norm, and not the net's outputs."""
    model, x = net(seed), images(seed)
    factor = float(np.random.default_rng(seed).integers(5, 15))
    with no_grad():
        model.train()
        for _ in range(60):
            model(x)  # to make the running averages accurate
        model.eval()
        before, weights = model(x).array.copy(), model[0].weight.array.copy()
        linear = model[4].weight.array.copy()
        mean, var = model[1].running_mean.array.copy(), model[1].running_var.array.copy()
    function(model, factor)
    with no_grad():
        changed, after = model[0].weight.array, model(x).array
    if np.allclose(weights, changed):
        raise No("no weight of a convolution has changed")
    kernel = [
        ("the convolution's weights are divided by the factor", weights / factor),
        (
            "the convolution's weights are multiplied by the square of the factor",
            weights * factor**2,
        ),
        ("the factor is added to the convolution's weights", weights + factor),
    ]
    compare(changed, factor * weights, "the convolution's weight", 1e-4, kernel)
    compare(model[4].weight.array, linear, "the linear layer's weight, which should not change,")
    compare(model[1].running_mean.array, factor * mean, "the running mean", 1e-4, [
        ("the running mean has not changed", mean),
        ("the running mean is multiplied by the square of the factor", factor**2 * mean),
    ])  # fmt: skip
    compare(model[1].running_var.array, factor**2 * var, "the running variance", 1e-4, [
        ("the running variance has not changed", var),
        ("the running variance grows with the square of the factor", factor * var),
    ])  # fmt: skip
    compare(after, before, "the output", tolerance=1e-2)
    return "other weights, the same outputs"
