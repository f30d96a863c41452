"""Notebook 9: groups, shuffles, gates and costs that are mixed up."""

from ... import functional as F
from ..groups import excitation, multiply_adds


def other_hands(x, groups):
    """A shuffle that exchanges the number of groups and of channels per group."""
    return F.channel_shuffle(x, x.shape[1] // groups)


def first_for_all(x, w, groups):
    """A grouped convolution whose groups all read the channels of the first."""
    return F.conv2d(x[:, : x.shape[1] // groups], w, padding=1)


def gates_of_the_batch(x, *weights):
    """A squeeze over the whole batch, which gives all images the same gates."""
    mean = x.mean((0, 2, 3), keepdim=True)
    return x * (excitation(*weights)(mean) / mean)


def one_group(c, o, k, groups=1):
    """The multiply-adds of one group only."""
    return multiply_adds(c, o, k, groups) // groups
