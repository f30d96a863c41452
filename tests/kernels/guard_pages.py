"""Arrays beside pages that cannot be accessed, and random cases with them.

A kernel that reads or writes outside of such an array ends the process. So the cases run in one of
their own: python -m tests.kernels.guard_pages direct 200. Their results are compared with those of
the NumPy implementation. tests/kernels/test_guard_pages.py runs them.
"""

import ctypes
import mmap
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from minitorch_cnn.kernels import Window, conv2d, pool2d, use

PAGE = mmap.PAGESIZE
NO_ACCESS = 0  # PROT_NONE of mprotect(2)


def guarded(shape, dtype, at_end: bool) -> np.ndarray:
    """An array that ends just before a page that cannot be accessed, or starts just behind one."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    pages = -(-count * dtype.itemsize // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    whole = np.frombuffer(memory, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for page in (0, pages + 1):
        address = ctypes.c_void_p(whole.ctypes.data + page * PAGE)
        if protect(address, ctypes.c_size_t(PAGE), NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = (pages + 1) * PAGE - count * dtype.itemsize if at_end else PAGE
    return whole[start : start + count * dtype.itemsize].view(dtype).reshape(shape)


@contextmanager
def guarded_outputs(module, rng):
    """Let the functions of a module allocate their results beside pages without access."""

    def empty(shape, dtype=float):
        return guarded(shape if isinstance(shape, tuple) else (shape,), dtype, rng.random() < 0.5)

    module.np = SimpleNamespace(**{**vars(np), "empty": empty})
    try:
        yield
    finally:
        module.np = np


def draw(rng, shape, dtype) -> np.ndarray:
    array = guarded(shape, dtype, rng.random() < 0.5)
    array[...] = rng.standard_normal(shape)
    return array


def window_and_size(rng, strides=(1, 2, 3)):
    """A random window, and the size of planes that it fits."""
    kernel = (3, 3) if rng.random() < 0.4 else tuple(int(k) for k in rng.integers(1, 7, 2))
    stride = (int(rng.choice(strides)),) * 2
    stride = stride if rng.random() < 0.8 else (stride[0], int(rng.choice(strides)))
    dilation = (1, 1) if rng.random() < 0.7 else tuple(int(d) for d in rng.integers(1, 3, 2))
    padding = tuple((int(rng.integers(k // 2 + 1)),) * 2 for k in kernel)
    spans = [d * (k - 1) + 1 - 2 * p[0] for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(span, 1) + int(rng.integers(40)) for span in spans)
    return Window(kernel, stride, padding, dilation), size


def convolve(rng, name):
    """A random convolution in all directions."""
    window, size = window_and_size(rng)
    groups, channels, outputs = (int(n) for n in rng.integers(1, 4, 3))
    dtype = rng.choice([np.float32, np.float64])
    x = draw(rng, (int(rng.integers(1, 3)), groups * channels, *size), dtype)
    w = draw(rng, (groups * outputs, channels, *window.kernel), dtype)
    bias = draw(rng, (groups * outputs,), dtype)
    gy = draw(rng, (len(x), len(w), *window.output_size(*size)), dtype)

    def results():
        yield conv2d.conv2d_forward(x, w, window, groups, bias)
        yield conv2d.conv2d_input_grad(gy, w, window, size, groups)
        yield conv2d.conv2d_weight_grad(x, gy, window, groups)

    case = window, size, groups, channels, outputs, dtype
    compare(rng, results, conv2d.OPERATOR, name, case)


def pool(rng, name):
    """Random poolings."""
    window, size = window_and_size(rng)
    dtype = rng.choice([np.float32, np.float64])
    x = draw(rng, (2, int(rng.integers(1, 4)), *size), dtype)
    gy = draw(rng, (*x.shape[:2], *window.output_size(*size)), dtype)

    def results():
        yield from pool2d.max_pool2d_forward(x, window)
        yield pool2d.avg_pool2d_forward(x, window)
        yield pool2d.avg_pool2d_input_grad(gy, window, size)

    compare(rng, results, pool2d.OPERATOR, name, (window, size, dtype))


def compare(rng, results, operator, name, case):
    with use("numpy"):
        expected = list(results())
    with use(name):
        list(results())  # compiles
        with guarded_outputs(operator.load(name), rng):
            found = list(results())
    for k, (got, want) in enumerate(zip(found, expected, strict=True)):
        error = 1e-4 if want.dtype == np.float32 else 1e-10
        scale = np.abs(want).max() if want.size else 1
        assert np.allclose(got, want, rtol=0, atol=error * scale), (k, case)


def main(name: str, count: str, seed: str = "0") -> None:
    rng = np.random.default_rng(int(seed))
    for _ in range(int(count)):
        if name == "pool2d":
            pool(rng, "numba")
        else:
            convolve(rng, name)


if __name__ == "__main__":
    main(*sys.argv[1:])
