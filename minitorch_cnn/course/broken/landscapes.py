"""Notebook 8: directions of wrong lengths, and a walk that does not restore the weights."""

import numpy as np

from ... import functional as F
from ...autograd import no_grad
from ...tensor import tensor


def layer_wise(net, rng):
    """Directions with the length of each whole weight: weak filters move as far as strong ones."""
    found = []
    for p in net.parameters():
        d = rng.standard_normal(p.shape) * (p.ndim > 1)
        found.append(d * np.linalg.norm(p.array) / max(np.linalg.norm(d), 1e-12))
    return found


def moving_biases(net, rng):
    """Filters of the right lengths, but biases and batch norms move as well."""
    found = []
    for p in net.parameters():
        d, w = rng.standard_normal(p.shape), p.array.astype(float)
        axes = tuple(range(1, p.ndim))
        found.append(d * np.sqrt((w**2).sum(axes, keepdims=True) / (d**2).sum(axes, keepdims=True)))
    return found


def without_return(net, direction, steps, x, labels):
    """The losses, with the net left at the last step."""
    start, losses = [p.array for p in net.parameters()], []
    with no_grad():
        for step in steps:
            for p, w, d in zip(net.parameters(), start, direction, strict=True):
                p.array = (w + step * d).astype(w.dtype)
            losses.append(F.cross_entropy(net(x), tensor(labels)).item())
    return np.array(losses)
