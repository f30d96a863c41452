"""Notebook 5: costs that are counted wrong."""


def rounded_up(n, K, S, P):
    """The pixels a side, with a window that does not fit any more."""
    return -(-(n + 2 * P - K) // S) + 1


def without_biases(inputs, outputs):
    """A linear layer's costs, its biases forgotten."""
    return outputs, inputs * outputs, inputs * outputs


def at_the_input(c_in, n, filters, K, S, P):
    """A convolution's costs, its multiply-adds counted at every pixel of the input."""
    positions = ((n + 2 * P - K) // S + 1) ** 2
    weights = filters * c_in * K * K
    return filters * positions, weights + filters, weights * n * n
