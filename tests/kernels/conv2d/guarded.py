"""Random convolutions whose arrays lie between pages that may not be accessed.

An access outside an array ends the process, so tests run this in a process of its own.
"""

import random

import numpy as np

from minitorch_cnn.kernels import Window, use
from minitorch_cnn.kernels.conv2d import OPERATOR, Case
from tests.kernels.conv2d.products import products
from tests.kernels.guard_pages import guarded

TOLERANCE = {np.float32: 5e-5, np.float64: 1e-10}  # of the largest result
empty = np.empty


def drawn_layer(rng):
    """(x shape, w shape, window, groups)"""
    groups = rng.choice([1, 1, 1, 2, 8, 16])
    C, O = (groups * rng.choice([1, 2, 3, 4, 8, 17, 33]) for _ in range(2))
    kernel = rng.choice([(1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (1, 7), (2, 3)])
    stride, dilation = rng.choice([(1, 1), (1, 1), (2, 2), (3, 1)]), rng.choice([1, 1, 2])
    padding = rng.choice([0, kernel[0] // 2, ((0, 1), (2, 0))])
    size = rng.choice([5, 7, 8, 14, 17]), rng.choice([5, 7, 9, 16, 25])
    window = Window(kernel, stride, padding, dilation)
    if any(n + sum(p) < s for n, p, s in zip(size, window.padding, window.span, strict=True)):
        return drawn_layer(rng)
    return (rng.choice([1, 2, 5]), C, *size), (O, C // groups, *kernel), window, groups


def main(count: int, seed: int, *names: str) -> None:
    """Compute `count` convolutions by some of the implementations `names`.

    Raises AssertionError where a result is wrong.
    """
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    for _ in range(count):
        x_shape, w_shape, window, groups = layer = drawn_layer(rng)
        dtype, at_end = rng.choice([np.float32, np.float32, np.float64]), rng.random() < 0.7
        case = Case("conv2d_forward", np.ndarray, np.dtype(dtype), x_shape, w_shape, window, groups)
        able = [name for name in names if OPERATOR.implementations[name].can(case)]
        if not able:
            continue
        implementation = rng.choice(able)
        print(layer, dtype.__name__, at_end, implementation, flush=True)
        y_shape = x_shape[0], w_shape[0], *window.output_size(*x_shape[2:])
        arrays = [guarded(shape, dtype, at_end) for shape in (x_shape, w_shape, y_shape)]
        for array in arrays:
            array[...] = numbers.standard_normal(array.shape)

        def allocate(shape, dtype=float, at_end=at_end):
            if not isinstance(shape, tuple) or len(shape) < 4:
                return empty(shape, dtype)
            array = guarded(shape, dtype, at_end)
            array[...] = np.nan
            return array

        np.empty = allocate
        try:
            with use(implementation):
                found = products(*arrays, window, groups)
        finally:
            np.empty = empty
        with use("numpy"):
            expected = products(*(a.astype(float) for a in arrays), window, groups)
        for got, want in zip(found, expected, strict=True):
            error = np.abs(got - want).max() / max(np.abs(want).max(), 1)
            assert error <= TOLERANCE[dtype], f"{error:.1e} in {layer}, by {implementation}"
