"""Convolution with a 1 x 1 kernel, stride 1 and no padding: x itself is the column matrix.

    y = w @ x    [o,c][c,t] -> [o,t]        gx = w^T @ gy    [c,o][o,t] -> [c,t]

There is one product per image and group, batched by the library (cuBLAS under CuPy).
"""

from .im2col import finished


def can(window) -> bool:
    return (window.kernel, window.stride, window.padding) == ((1, 1), (1, 1), ((0, 0), (0, 0)))


def forward(x, w, window, groups, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, 1, 1), bias (O,) or None -> y (N, O, H, W)."""
    N, C, H, W = x.shape
    O = w.shape[0]
    matrix = w.reshape(groups, O // groups, C // groups)
    y = matrix @ x.reshape(N, groups, C // groups, H * W)
    return finished(y.reshape(N, O, H, W), bias, relu)


def input_grad(gy, w, window, input_size, groups):
    """gy (N, O, H, W), w (O, C/groups, 1, 1) -> gx (N, C, H, W)."""
    N, O, H, W = gy.shape
    CG = w.shape[1]
    matrix = w.reshape(groups, O // groups, CG).swapaxes(1, 2)
    gx = matrix @ gy.reshape(N, groups, O // groups, H * W)
    return gx.reshape(N, groups * CG, H, W)
