"""Notebook 2: checks of convolutions and of the adjoint of taking windows."""

import numpy as np

from ..kernels.conv2d.loops import conv2d_forward, conv2d_input_grad
from ..kernels.window import Window
from .answer import No, check, compare

SEED = 2


def draw(N=2, C=3, O=4, K=3, H=7, W=8):
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((N, C, H, W)), rng.standard_normal((O, C, K, K))


@check
def convolution(conv) -> str:
    """conv(x, w, stride, padding) against the definition, whatever it is made of."""
    for stride, padding in [(1, 0), (1, 1), (2, 1), (3, 2)]:
        x, w = draw()
        right = conv2d_forward(x, w, Window(3, stride, padding))
        mine = conv(x, w, stride, padding)
        flipped = conv2d_forward(x, w[:, :, ::-1, ::-1], Window(3, stride, padding))
        if np.shape(mine) == right.shape and np.allclose(mine, flipped):
            raise No("the kernel is flipped: that is a mathematician's convolution")
        compare(mine, right, f"y with stride {stride} and padding {padding}")
    return "the definition's numbers for four strides and paddings"


@check
def columns(im2col) -> str:
    """im2col(x, K, stride, padding) -> (C K K, N OH OW), whose product with w is y."""
    for stride, padding in [(1, 0), (2, 1)]:
        x, w = draw()
        right = conv2d_forward(x, w, Window(3, stride, padding))
        matrix = np.asarray(im2col(x, 3, stride, padding))
        wanted = (w[0].size, right.size // len(w))
        if matrix.shape != wanted:
            raise No(f"the matrix has shape {matrix.shape}, it should have {wanted}")
        y = (w.reshape(len(w), -1) @ matrix).reshape(len(w), len(x), *right.shape[2:])
        compare(y.swapaxes(0, 1), right, f"w @ columns with stride {stride}, padding {padding}")
    return "w @ columns is the convolution"


@check
def adjoint(col2im, im2col) -> str:
    """col2im(columns, shape, K, stride, padding) is the adjoint of im2col."""
    rng = np.random.default_rng(SEED)
    for stride, padding in [(1, 0), (1, 1), (2, 1)]:
        x, w = draw()
        matrix = im2col(x, 3, stride, padding)
        g = rng.standard_normal(matrix.shape)
        mine = np.asarray(col2im(g, x.shape, 3, stride, padding))
        if mine.shape != x.shape:
            raise No(f"the result has shape {mine.shape}, it should have {x.shape}")
        left, right = float((matrix * g).sum()), float((x * mine).sum())
        if not np.isclose(left, right):
            raise No(
                f"stride {stride}, padding {padding}: <im2col(x), g> = {left:.4f}, "
                f"<x, col2im(g)> = {right:.4f}"
            )
        window = Window(3, stride, padding)
        gy = rng.standard_normal((len(x), len(w), *window.output_size(*x.shape[2:])))
        pulled = w.reshape(len(w), -1).T @ gy.swapaxes(0, 1).reshape(len(w), -1)
        compare(
            col2im(pulled, x.shape, 3, stride, padding),
            conv2d_input_grad(gy, w, window, x.shape[2:]),
            "the input gradient made of it",
        )
    return "<im2col(x), g> = <x, col2im(g)>, and col2im(w' gy) is the input gradient"


@check
def winograd(conv) -> str:
    """conv(x, w): 3x3, stride 1, no padding, even output sizes."""
    x, w = draw(H=8, W=10)
    compare(conv(x, w), conv2d_forward(x, w, Window(3)), "y", tolerance=1e-8)
    return "the definition's numbers with 16 products for 4 outputs"
