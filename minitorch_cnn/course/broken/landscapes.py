"""Notebook 8: directions of wrong lengths, and a walk that does not restore the weights."""

from ...analysis import loss_line, random_direction


def layer_wise(net, rng):
    """Directions with the length of each whole weight: weak filters move as far as strong ones."""
    return random_direction(net, "layer", rng)


def moving_biases(net, rng):
    """Filters of the right lengths, but biases and batch norms move as well."""
    found = random_direction(net, generator=rng)
    return [d if d.any() else rng.standard_normal(d.shape) for d in found]


def without_return(net, direction, steps, x, labels):
    """The losses, with the net left at other weights."""
    losses = loss_line(net, x, labels, steps, direction).losses
    for p in net.parameters():
        p.detach().mul_(1.5)
    return losses
