"""Notebook 3: checks of max pooling, batch norm and what folds into a convolution."""

import numpy as np

from ..functional import batch_norm, conv2d, max_pool2d
from ..tensor import tensor
from .answer import No, check, compare

SEED = 3


def images(*shape):
    """Random images in which some windows have their maximum twice."""
    x = np.random.default_rng(SEED).standard_normal(shape)
    x[0, 0, :3, :3] = 1.5
    return x


@check
def pooling(forward) -> str:
    """forward(x, K, stride) -> (y, argmax), argmax h W + w of the first maximum."""
    for kernel, stride in [(2, 2), (3, 2)]:
        x = images(2, 3, 7, 9)
        y, argmax = forward(x, kernel, stride)
        right, places = max_pool2d(tensor(x), kernel, stride, return_indices=True)
        compare(y, right, f"y of {kernel} x {kernel} windows, stride {stride}")
        if not np.array_equal(argmax, places.numpy()):
            taken = x.reshape(2, 3, -1)
            mine = np.take_along_axis(taken, np.asarray(argmax).reshape(2, 3, -1), 2)
            if mine.shape[2] * 6 == right.numel() and np.allclose(mine.ravel(), y.ravel()):
                raise No("the places are maxima, but in a tie not the first of them")
            raise No("argmax does not say where in the plane the maxima are")
    return "the first maximum of every window, and where it is"


@check
def pooling_back(backward) -> str:
    """backward(gy, argmax, (H, W)) -> gx, with overlapping windows."""
    x = tensor(images(2, 3, 7, 9), requires_grad=True)
    y, places = max_pool2d(x, 3, 2, return_indices=True)
    gy = np.random.default_rng(SEED + 1).standard_normal(y.shape)
    y.backward(tensor(gy))
    compare(backward(gy, places.numpy(), (7, 9)), x.grad, "gx of overlapping windows")
    return "each maximum gets the gradients of all windows that chose it"


@check
def normalising(forward) -> str:
    """forward(x, weight, bias, eps) -> y in training, x (N, C, H, W)."""
    rng = np.random.default_rng(SEED)
    x, w, b = 3 + 2 * rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3), rng.uniform(0, 1, 3)
    right = batch_norm(tensor(x), None, None, tensor(w), tensor(b), training=True, eps=1e-5)
    compare(forward(x, w, b, 1e-5), right, "y", tolerance=1e-7)
    return "every channel has its own mean and the biased variance"


@check
def normalising_back(backward) -> str:
    """backward(gy, x, weight, eps) -> (gx, gw, gb)."""
    rng = np.random.default_rng(SEED)
    x, w, b = (
        tensor(value, requires_grad=True)
        for value in (rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3), rng.uniform(0, 1, 3))
    )
    gy = rng.standard_normal(x.shape)
    batch_norm(x, None, None, w, b, training=True, eps=1e-5).backward(tensor(gy))
    gx, gw, gb = backward(gy, x.array, w.array, 1e-5)
    compare(gb, b.grad, "gb", tolerance=1e-7)
    compare(gw, w.grad, "gw", tolerance=1e-7)
    compare(gx, x.grad, "gx", tolerance=1e-7)
    return "all three gradients, for a random cotangent"


@check
def folding(fold) -> str:
    """fold(w, mean, var, weight, bias, eps) -> (w', b') of one convolution."""
    rng = np.random.default_rng(SEED)
    x, w = tensor(rng.standard_normal((2, 3, 6, 6))), tensor(rng.standard_normal((4, 3, 3, 3)))
    mean, bias = rng.standard_normal((2, 4))
    var, weight = rng.uniform(0.5, 2, (2, 4))
    right = batch_norm(conv2d(x, w), *map(tensor, (mean, var, weight, bias)), eps=1e-5)
    folded, shift = fold(w.numpy(), mean, var, weight, bias, 1e-5)
    if np.shape(folded) != w.shape:
        raise No(f"the folded kernel has shape {np.shape(folded)}, it should have {w.shape}")
    compare(conv2d(x, tensor(folded), tensor(shift)), right, "the output", tolerance=1e-7)
    return "one convolution computes what the two layers did"
