"""Notebook 5: wrong counts of costs."""


def rounded_up(n, K, S, P):
    """The output size, rounded up to a window that does not fit."""
    return -(-(n + 2 * P - K) // S) + 1


def without_biases(inputs, outputs):
    """A linear layer's costs without its biases."""
    return outputs, inputs * outputs, inputs * outputs


def at_the_input(c_in, n, filters, K, S, P):
    """A convolution's costs, with multiply-adds at every pixel of the input."""
    positions = ((n + 2 * P - K) // S + 1) ** 2
    weights = filters * c_in * K * K
    return filters * positions, weights + filters, weights * n * n
