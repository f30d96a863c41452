"""Notebook 5: wrong counts of costs."""

from ..cost import library_convolution, library_linear, side


def rounded_up(n, K, S, P):
    """The output size, rounded up to a window that does not fit."""
    return side(n + S - 1, K, S, P)


def without_biases(inputs, outputs):
    """A linear layer's costs without its biases."""
    elements, params, macs = library_linear(inputs, outputs)
    return elements, params - outputs, macs


def at_the_input(c_in, n, filters, K, S, P):
    """A convolution's costs, with multiply-adds at every pixel of the input."""
    elements, params, macs = library_convolution(c_in, n, filters, K, S, P)
    return elements, params, macs // (elements // filters) * n * n


def believing(slides, counted):
    """No claim is wrong."""
    return []
