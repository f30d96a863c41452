"""Arrays beside pages that cannot be accessed, and random cases with them.

A kernel that reads or writes outside of such an array ends the process. So the cases run in one of
their own: python -m tests.kernels.guard_pages direct 200. Their results are compared with those of
the NumPy implementation, a compiled net's with the net's. tests/kernels/test_guard_pages.py runs
them.
"""

import ctypes
import mmap
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.kernels import Window, activation, use, workspace
from tests.graph.random_nets import Random
from tests.kernels import implementation_check as cases

PAGE = mmap.PAGESIZE
NO_ACCESS = 0  # PROT_NONE of mprotect(2)
PACKAGES = "minitorch_cnn.kernels", "minitorch_cnn.compiler"  # they make the arrays of kernels


def guarded(shape, dtype, at_end: bool) -> np.ndarray:
    """An array of zeros that ends just before a page that cannot be accessed, or starts just
    behind one."""
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
def guarded_arrays(rng):
    """Let kernels allocate results and scratch memory beside pages without access."""

    def made(shape, dtype=float, **_):
        return guarded(shape if isinstance(shape, tuple) else (shape,), dtype, rng.random() < 0.5)

    def like(array, dtype=None):
        return made(array.shape, dtype or array.dtype)

    numpy = SimpleNamespace(**{**vars(np), "empty": made, "zeros": made, "empty_like": like})
    modules = [
        module
        for name, module in sys.modules.items()
        if name.startswith(PACKAGES) and getattr(module, "np", None) is np
    ]
    vars(workspace._buffers).clear()
    for module in modules:
        module.np = numpy
    try:
        yield
    finally:
        for module in modules:
            module.np = np
        vars(workspace._buffers).clear()


def window_and_size(rng, strides=(1, 2, 3), most=40):
    """A random window, and the size of planes that it fits."""
    kernel = tuple(int(k) for k in rng.integers(1, 7, 2))
    kernel = [(3, 3), (1, 1), kernel, kernel][rng.integers(4)]
    stride = (int(rng.choice(strides)),) * 2
    stride = stride if rng.random() < 0.8 else (stride[0], int(rng.choice(strides)))
    dilation = (1, 1) if rng.random() < 0.7 else tuple(int(d) for d in rng.integers(1, 3, 2))
    padding = tuple((int(rng.integers(k // 2 + 1)),) * 2 for k in kernel)
    spans = [d * (k - 1) + 1 - 2 * p[0] for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(max(span, 1) + int(rng.integers(most)) for span in spans)
    return Window(kernel, stride, padding, dilation), size


def some(rng, most):
    """A number of 1 to `most`; small ones more often."""
    return int(rng.integers(1, rng.choice([4, most + 1])))


def a_dtype(rng):
    return (np.float32, np.float64)[rng.integers(2)]


def convolution(rng):
    """Few channels and large planes, or many channels and small planes: whole register tiles."""
    many = rng.random() < 0.3
    window, size = window_and_size(rng, most=12 if many else 40)
    groups = some(rng, 20) if rng.random() < 0.3 else 1
    depthwise = groups > 3
    channels, outputs = (some(rng, 3 if depthwise else 70 if many else 3) for _ in "CO")
    batch = int(rng.integers(1, 3))
    return cases.ConvCase(
        batch, groups * channels, groups * outputs, groups, size, window, a_dtype(rng)
    )


def pooling(rng):
    window, size = window_and_size(rng)
    adaptive = tuple(int(rng.integers(1, n + 1)) for n in size)
    return cases.PoolCase(2, size, window, adaptive, dtype=a_dtype(rng))


def a_shape(rng):
    """(N, C, ...) with up to two more axes."""
    return (some(rng, 5), some(rng, 40), *(some(rng, 40) for _ in range(rng.integers(3))))


def normalisation(rng):
    """Of many values: those of two are 1 and -1, and their gradients rounding errors."""
    N, *rest = a_shape(rng)
    return cases.BatchNormCase((N + 8, *rest), rng.random() < 0.5, a_dtype(rng))


def an_activation(rng):
    kind = str(rng.choice(list(activation.KINDS)))
    return cases.ActivationCase(kind, cases.SETTINGS.get(kind, ()), a_shape(rng), a_dtype(rng))


def a_step(rng):
    case = cases.OPTIMIZER_CASES[rng.integers(len(cases.OPTIMIZER_CASES))]
    return case._replace(shape=a_shape(rng), dtype=a_dtype(rng))


def a_loss(rng):
    shape = some(rng, 70), 1 + some(rng, 1000), some(rng, 300)
    return cases.CrossEntropyCase(shape, rng.random() < 0.5, 0.1, a_dtype(rng))


def resampling(rng):
    axes = int(rng.integers(1, 3))
    shape = (*a_shape(rng)[:2], *(some(rng, 40) for _ in range(axes)))
    outputs = tuple(some(rng, 70) for _ in range(axes))
    return cases.ResampleCase(shape, outputs, rng.random() < 0.5, a_dtype(rng))


CASES = {
    "conv2d": convolution,
    "pool2d": pooling,
    "activation": an_activation,
    "batch_norm": normalisation,
    "cross_entropy": a_loss,
    "local_response_norm": lambda rng: cases.LocalResponseNormCase(
        a_shape(rng), int(rng.integers(1, 10)), dtype=a_dtype(rng)
    ),
    "optimizer": a_step,
    "prelu": lambda rng: cases.PReLUCase(
        (some(rng, 5), some(rng, 40), some(rng, 1000)), a_dtype(rng)
    ),
    "resample": resampling,
}


class Net:
    """A random net of graphs, compiled: the kernels of blocked layouts."""

    def __init__(self, rng):
        seed = int(rng.integers(10**6))
        mt.manual_seed(seed)
        self.net, self.seed = Random(seed).eval(), seed
        self.images = rng.standard_normal((int(rng.integers(1, 3)), 4, 12, 10)).astype(np.float32)

    def __str__(self):
        return f"a net of seed {self.seed}"

    def results(self):
        x = mt.from_numpy(cases.placed(self.images))
        with mt.no_grad():
            return {"compiled": mt.compile(self.net)(x).numpy()}

    def expected(self):
        with mt.no_grad():
            return {"compiled": self.net(mt.from_numpy(self.images)).numpy()}


def can(name, case) -> bool:
    """Whether an implementation can do a case; its kernels are then compiled, with NumPy itself."""
    try:
        with use(name):
            case.results()
    except RuntimeError as error:
        if "cannot do" in str(error):  # as Winograd's method, but for 3 x 3
            return False
        raise
    return True


def compare(rng, case, name):
    """Whether all results of the case, computed beside pages without access, are as expected."""
    if isinstance(case, Net):
        expected = case.expected()
    else:
        with use("numpy"):
            expected = case.results()
    with use(name):
        cases.placed = lambda array: place(array, rng)
        try:
            with guarded_arrays(rng):
                found = case.results()
        finally:
            cases.placed = lambda array: array
    for key, want in expected.items():
        error = 1e-4 if want.dtype == np.float32 else 1e-10
        finite = want[np.isfinite(want)]
        scale = np.abs(finite).max() if finite.size else 1
        close = np.allclose(found[key], want, rtol=0, atol=error * scale, equal_nan=True)
        assert close, f"{key} of {case}"


def place(array, rng):
    held = guarded(array.shape, array.dtype, rng.random() < 0.5)
    held[...] = array
    return held


def main(operator: str, name: str, count: str, seed: str = "0") -> None:
    rng = np.random.default_rng(int(seed))
    left = int(count)
    while left:
        case = Net(rng) if operator == "compiled" else CASES[operator](rng)
        if can(name, case):
            compare(rng, case, name)
            left -= 1


if __name__ == "__main__":
    main(*sys.argv[1:])
