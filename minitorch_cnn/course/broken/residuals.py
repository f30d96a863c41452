"""Notebook 7: a misplaced shortcut, an inverted gate and reversed survival probabilities."""

from ..residuals import block_of, library_survival


def joined_after_relu(x, branch, shortcut):
    """A residual block that adds the shortcut after the ReLU."""
    return block_of(x, branch) + shortcut(x)


def turned_gate(x, h, t):
    """A highway layer whose open gate passes x."""
    return h.lerp(x, t)


def reversed_survival(blocks, last):
    """Survival probabilities from the last block to the first."""
    return library_survival(blocks, last)[::-1]
