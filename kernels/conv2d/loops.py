"""The definition of convolution: seven loops, never optimised.

Every other implementation is compared with this one.
"""

import numpy as np


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    y = np.zeros((x.shape[0], w.shape[0], *window.output_size(*x.shape[2:])), x.dtype)
    for at_y, at_x, at_w in products(x.shape, w.shape, window, groups):
        y[at_y] += x[at_x] * w[at_w]
    for at_y in np.ndindex(y.shape):
        if bias is not None:
            y[at_y] += bias[at_y[1]]
        if relu and y[at_y] < 0:
            y[at_y] = 0
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gx = np.zeros((gy.shape[0], w.shape[1] * groups, *input_size), gy.dtype)
    for at_y, at_x, at_w in products(gx.shape, w.shape, window, groups):
        gx[at_x] += gy[at_y] * w[at_w]
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    gw = np.zeros((gy.shape[1], x.shape[1] // groups, *window.kernel), x.dtype)
    for at_y, at_x, at_w in products(x.shape, gw.shape, window, groups):
        gw[at_w] += gy[at_y] * x[at_x]
    return gw


def products(x_shape, w_shape, window, groups):
    """The indices of every product in a convolution's sums:  y[at_y] += x[at_x] * w[at_w]."""
    N, _, H, W = x_shape
    O, CG, KH, KW = w_shape
    OH, OW = window.output_size(H, W)
    (top, _), (left, _) = window.padding
    for n in range(N):
        for o in range(O):
            group = o // (O // groups)
            for i in range(OH):
                for j in range(OW):
                    for c in range(CG):
                        for kh in range(KH):
                            for kw in range(KW):
                                row = i * window.stride[0] + kh * window.dilation[0] - top
                                column = j * window.stride[1] + kw * window.dilation[1] - left
                                if 0 <= row < H and 0 <= column < W:  # x is zero in the padding
                                    yield (
                                        (n, o, i, j),
                                        (n, group * CG + c, row, column),
                                        (o, c, kh, kw),
                                    )
