"""The three products of a convolution: the output and the two gradients."""

import numpy as np

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.conv2d import conv2d_forward, conv2d_input_grad, conv2d_weight_grad


def products(x, w, gy, window, groups=1):
    return (
        conv2d_forward(x, w, window, groups),
        conv2d_input_grad(gy, w, window, x.shape[2:], groups),
        conv2d_weight_grad(x, gy, window, groups),
    )


def drawn_products(implementation, x_shape, w_shape, window, groups=1, dtype=np.float64):
    """The products of fixed random arrays, by a forced implementation."""
    rng = np.random.default_rng(0)
    y_shape = x_shape[0], w_shape[0], *window.output_size(*x_shape[2:])
    x, w, gy = (rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, y_shape))
    with use(implementation):
        return products(x, w, gy, window, groups)
