"""The implementation test: what an operator computes with one of its implementations, against what
its loops compute.

A case of an operator says what to compute: `case.results()` runs every function of the operator on
random data, read-only so that an implementation that writes to its inputs fails. The matrices below
are the cases in which convolutions have gone wrong before. An implementation only has to register
itself to be tested on all of them.
"""

from itertools import product
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pytest

from minitorch_cnn.kernels import (
    Window,
    activation,
    batch_norm,
    conv2d,
    cross_entropy,
    dispatch,
    local_response_norm,
    optimizer,
    pool2d,
    prelu,
    resample,
    use,
)
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated

TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-11}


def other_implementations(operator):
    """The implementations of an operator that run here, without the definition; a GPU's marked
    `gpu`.
    """
    names = [name for name in dispatch.available(operator) if name != "loops"]
    return [
        pytest.param(name, marks=pytest.mark.gpu) if name in ("cuda", "numba_cuda") else name
        for name in names
    ]


def assert_agrees_with_loops(case, implementation, order=None):
    """Raise AssertionError, naming function, implementation and case, where a result is not the
    loops'.

    order: of the threads, where the implementation is the emulator.
    """
    with use("loops"):
        expected = case.results()
    try:
        with use(implementation), emulated(order=order or order_of(case), guards=True):
            results = case.results()
    except RuntimeError as error:
        if f"implementation '{implementation}' cannot do" in str(error):
            pytest.skip(str(error))
        raise
    for name, want in expected.items():
        got = results[name]
        what = f"{name}: implementation '{implementation}' differs from loops in {case}"
        assert got.shape == want.shape, f"{what}: shape {got.shape}, not {want.shape}"
        assert got.dtype == want.dtype, f"{what}: dtype {got.dtype}, not {want.dtype}"
        if want.dtype.kind == "i":
            assert np.array_equal(got, want), what
            continue
        finite = want[np.isfinite(want)]
        scale = np.abs(finite).max() if finite.size else 1.0
        close = np.isclose(got, want, rtol=0, atol=TOLERANCE[want.dtype] * scale, equal_nan=True)
        assert close.all(), f"{what}: first at {tuple(np.argwhere(~close)[0])}"


def agreement(operator, cases):
    """The test that each implementation of an operator agrees with its loops in all cases."""

    @pytest.mark.parametrize("implementation", other_implementations(operator))
    @pytest.mark.parametrize("case", cases, ids=str)
    def test(implementation, case):
        assert_agrees_with_loops(case, implementation)

    return test


def order_of(case):
    """The order of emulated threads for a case: each order in a third of the cases."""
    return ORDERS[crc32(str(case).encode()) % len(ORDERS)]


def placed(array):
    """An input of a kernel where it is to lie: guard_pages.py puts it beside pages without access.
    """
    return array


def draw(rng, shape, dtype):
    """Random values in a read-only array."""
    array = placed(rng.standard_normal(shape).astype(dtype))
    array.flags.writeable = False
    return array


class ConvCase(NamedTuple):
    """One cell of the convolution matrix."""

    batch: int
    channels: int
    out_channels: int
    groups: int
    size: tuple[int, int]
    window: Window
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        x = draw(rng, (self.batch, self.channels, *self.size), self.dtype)
        w_shape = (self.out_channels, self.channels // self.groups, *self.window.kernel)
        w = draw(rng, w_shape, self.dtype)
        y_shape = (self.batch, self.out_channels, *self.window.output_size(*self.size))
        gy = draw(rng, y_shape, self.dtype)
        args = self.window, self.groups
        b = draw(rng, self.out_channels, self.dtype)
        return {
            "conv2d_forward, bias": conv2d.conv2d_forward(x, w, *args, b),
            "conv2d_forward, bias, relu": conv2d.conv2d_forward(x, w, *args, b, True),
            "conv2d_forward, relu": conv2d.conv2d_forward(x, w, *args, relu=True),
            "conv2d_forward": conv2d.conv2d_forward(x, w, *args),
            "conv2d_input_grad": conv2d.conv2d_input_grad(
                gy, w, self.window, self.size, self.groups
            ),
            "conv2d_weight_grad": conv2d.conv2d_weight_grad(x, gy, *args),
        }


class PoolCase(NamedTuple):
    """One window of pooling over images that hold ties, and with `odd_values` -inf and NaN."""

    batch: int
    size: tuple[int, int]
    window: Window
    output_size: tuple[int, int] = (3, 2)
    odd_values: bool = False
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        shape = (self.batch, 2, *self.size)
        ties = rng.integers(-2, 3, shape).astype(self.dtype)
        if self.odd_values:
            ties[rng.random(shape) < 0.5] = -np.inf
            ties[rng.random(shape) < 0.05] = np.nan
        x = draw(rng, shape, self.dtype)
        pooled = pool2d.max_pool2d_forward(ties, self.window)
        adaptive = pool2d.adaptive_max_pool2d_forward(ties, self.output_size)
        gy = draw(rng, pooled.y.shape, self.dtype)
        g_adaptive = draw(rng, adaptive.y.shape, self.dtype)
        results = {
            "max_pool2d_forward y": pooled.y,
            "max_pool2d_forward argmax": pooled.argmax,
            "max_pool2d_input_grad": pool2d.max_pool2d_input_grad(gy, pooled.argmax, self.size),
            "max_pool2d_input_grad of a window": pool2d.max_pool2d_input_grad(
                gy, pooled.argmax, self.size, self.window
            ),
            "max_pool2d_gather": pool2d.max_pool2d_gather(x, pooled.argmax),
            "adaptive_max_pool2d_forward y": adaptive.y,
            "adaptive_max_pool2d_forward argmax": adaptive.argmax,
            "adaptive_avg_pool2d_forward": pool2d.adaptive_avg_pool2d_forward(x, self.output_size),
            "adaptive_avg_pool2d_input_grad": pool2d.adaptive_avg_pool2d_input_grad(
                g_adaptive, self.size
            ),
        }
        for settings in ((True, None), (False, None), (True, 5)):
            results[f"avg_pool2d_forward {settings}"] = pool2d.avg_pool2d_forward(
                x, self.window, *settings
            )
            results[f"avg_pool2d_input_grad {settings}"] = pool2d.avg_pool2d_input_grad(
                gy, self.window, self.size, *settings
            )
        return results


class BatchNormCase(NamedTuple):
    """Statistics, forward and backward on one shape, with or without weight and bias."""

    shape: tuple[int, ...]
    affine: bool = True
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        x, gy = (draw(rng, self.shape, self.dtype) for _ in "xg")
        weight, bias = (draw(rng, self.shape[1], self.dtype) if self.affine else None for _ in "wb")
        mean, var = batch_norm.batch_norm_statistics(x)
        invstd = 1 / np.sqrt(var + self.dtype(1e-5))
        results = {"batch_norm_statistics mean": mean, "batch_norm_statistics var": var}
        affine = weight, bias
        for after, clip in {"": (False,), " relu": (True,), " ceiling": (True, 0.7)}.items():
            running = [np.full_like(mean, 0.5), np.full_like(var, 2), np.array(6)]
            moved = batch_norm.Running(*running[:2], 0.3, running[2])
            trained = batch_norm.batch_norm_training(x, *affine, 1e-5, clip[0], moved, *clip[1:])
            y = batch_norm.batch_norm_forward(x, *affine, mean, invstd, *clip)
            gx, gw, gb = batch_norm.batch_norm_backward(gy, x, *affine, mean, invstd, *clip)
            results |= {
                f"batch_norm_training y{after}": trained.y,
                f"batch_norm_training mean{after}": trained.mean,
                f"batch_norm_training var{after}": trained.var,
                f"batch_norm_training invstd{after}": trained.invstd,
                f"batch_norm_training running mean{after}": running[0],
                f"batch_norm_training running var{after}": running[1],
                f"batch_norm_training batches{after}": running[2],
                f"batch_norm_forward{after}": y,
                f"batch_norm_backward gx{after}": gx,
                f"batch_norm_backward gw{after}": gw,
                f"batch_norm_backward gb{after}": gb,
            }
        return results


class ActivationCase(NamedTuple):
    """Values and slopes of one kind on random numbers, some large, and at its kinks."""

    kind: str
    settings: tuple[float, ...] = ()
    shape: tuple[int, ...] = (3, 50)
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        gy, kept = map(placed, rng.standard_normal((2, *self.shape)).astype(self.dtype))
        kept[..., 1::2] *= 20
        kept.reshape(-1)[: len(KINKS)] = KINKS[: kept.size]
        # Copies to compare with: read-only arrays would be types of their own to compile for.
        before = gy.copy(), kept.copy()
        y = activation.activation_forward(kept, self.kind, *self.settings)
        gx = activation.activation_backward(gy, kept, self.kind, *self.settings)
        for array, copy in zip((gy, kept), before, strict=True):
            np.testing.assert_array_equal(array, copy)
        return {"activation_forward": y, "activation_backward": gx}


class CrossEntropyCase(NamedTuple):
    """Losses and gradients of classes, some ignored."""

    shape: tuple[int, int, int]
    weighted: bool = False
    smoothing: float = 0.0
    dtype: type = np.float32

    def results(self):
        rng = np.random.default_rng(0)
        N, C, L = self.shape
        x = placed(3 * rng.standard_normal(self.shape).astype(self.dtype))
        target = placed(rng.integers(0, C, (N, L)))
        target[rng.random((N, L)) < 0.2] = -100
        weight = placed(rng.uniform(0, 2, C).astype(self.dtype)) if self.weighted else None
        gy = placed(rng.standard_normal((N, L)).astype(self.dtype))
        args = target, weight, -100, self.smoothing
        y, m, s = cross_entropy.cross_entropy_forward(x, *args)
        gx = cross_entropy.cross_entropy_backward(gy, x, m, s, *args)
        return {"cross_entropy_forward": y, "m": m, "s": s, "cross_entropy_backward": gx}


class OptimizerCase(NamedTuple):
    """Two steps of an optimizer; `arrays` names the state that it keeps."""

    step: str
    arrays: tuple[bool, ...]
    settings: tuple
    dtype: type = np.float64
    shape: tuple[int, ...] = (7, 5)

    def results(self):
        rng = np.random.default_rng(0)
        drawn = np.abs(rng.standard_normal((1 + len(self.arrays), *self.shape)))
        p, *state = map(placed, drawn.astype(self.dtype))
        state = [array if given else None for array, given in zip(state, self.arrays, strict=True)]
        for g in map(placed, rng.standard_normal((2, *self.shape)).astype(self.dtype)):
            getattr(optimizer, self.step)(p, g, *state, *self.settings)
        return {"p": p} | {str(i): array for i, array in enumerate(state) if array is not None}


class PReLUCase(NamedTuple):
    """Values and gradients, with inputs at the kink and infinity."""

    shape: tuple[int, int, int]
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        gy, x = map(placed, rng.standard_normal((2, *self.shape)).astype(self.dtype))
        x[:1, :, :3] = np.array([0.0, -0.0, np.inf], self.dtype)[: x.shape[2]]
        w = placed(rng.standard_normal(self.shape[1]).astype(self.dtype))
        before = gy.copy(), x.copy(), w.copy()
        y = prelu.prelu_forward(x, w)
        gx, gw = prelu.prelu_backward(gy, x, w)
        for array, copy in zip((gy, x, w), before, strict=True):
            np.testing.assert_array_equal(array, copy)
        return {"prelu_forward": y, "gx": gx, "gw": gw}


class ResampleCase(NamedTuple):
    """Maps drawn at random, linear or nearest, for the last axes of an array, and their adjoint."""

    shape: tuple[int, ...]
    outputs: tuple[int, ...]
    linear: bool = True
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        maps = []
        for size, out in zip(self.shape[-len(self.outputs) :], self.outputs, strict=True):
            lower = np.sort(rng.integers(0, size, out))
            t = rng.random(out).round(1)  # often 0
            upper = np.minimum(lower + 1, size - 1)
            maps.append(resample.AxisMap(size, lower, *((upper, t) if self.linear else ())))
        x = draw(rng, self.shape, self.dtype)
        y = resample.resample_forward(x, tuple(maps))
        gy = draw(rng, y.shape, self.dtype)
        return {
            "resample_forward": y,
            "resample_input_grad": resample.resample_input_grad(gy, tuple(maps)),
        }


class LocalResponseNormCase(NamedTuple):
    """Forward and backward with one window of channels."""

    shape: tuple[int, ...]
    size: int
    beta: float = 0.75
    dtype: type = np.float64

    def results(self):
        rng = np.random.default_rng(0)
        x, gy = (draw(rng, self.shape, self.dtype) for _ in "xg")
        args = self.size, 0.7, self.beta, 1.5  # an alpha that makes the neighbours matter
        return {
            "local_response_norm_forward": local_response_norm.local_response_norm_forward(
                x, *args
            ),
            "local_response_norm_backward": local_response_norm.local_response_norm_backward(
                gy, x, *args
            ),
        }


#          (groups, channels, out_channels): one group, some, one a channel, and with a multiplier
GROUPS = [(1, 3, 4), (2, 4, 6), (4, 4, 4), (4, 4, 8)]
STRIDES = [1, 2, (3, 2)]
PADDINGS = [0, (2, 1), "same"]


def window(kernel, stride, padding, dilation):
    """A Window; padding "same" is that which preserves the size at stride 1, for any stride."""
    if padding == "same":
        padding = Window.same(kernel, dilation).padding
    return Window(kernel, stride, padding, dilation)


CONV_CASES = [
    ConvCase(batch, channels, out_channels, groups, (5, 7), window(kernel, *geometry))
    for batch, (groups, channels, out_channels), kernel, geometry in product(
        (0, 1), GROUPS, ((3, 2), (1, 3)), product(STRIDES, PADDINGS, (1, 2))
    )
] + [
    ConvCase(2, 4, 6, 2, (7, 6), Window((3, 2), (2, 1), 1, (1, 2)), np.float32),
    ConvCase(3, 4, 4, 4, (7, 6), Window((3, 2), (2, 1), 1), np.float32),
    ConvCase(2, 3, 5, 1, (5, 4), Window(1)),
    ConvCase(2, 4, 6, 2, (5, 4), Window(1)),
    ConvCase(2, 4, 6, 2, (5, 4), Window(1, stride=2)),
    ConvCase(2, 3, 4, 1, (6, 6), Window(3, padding=1)),
    ConvCase(2, 3, 4, 1, (6, 5), Window((2, 3), 2, ((0, 1), (2, 1)))),
    ConvCase(2, 1, 3, 1, (4, 4), Window(2)),
    ConvCase(1, 2, 3, 1, (2, 3), Window((2, 3))),
    ConvCase(3, 4, 6, 2, (2, 3), Window((2, 3), 2)),
    ConvCase(0, 4, 6, 2, (1, 1), Window(1)),
    ConvCase(1, 2, 3, 1, (1, 1), Window((3, 3), 3, 4)),
]
POOL_CASES = [
    PoolCase(batch, (7, 6), Window(kernel, stride, padding, dilation, ceil_mode), odd_values=odd)
    for batch, kernel, stride, padding, dilation, ceil_mode, odd in (
        (2, (2, 2), (2, 2), 0, 1, False, False),
        (2, (3, 2), (2, 1), (1, 0), 1, False, False),
        (2, (3, 2), (2, 1), (1, 0), 1, False, True),
        (2, (2, 3), (3, 2), (0, 1), 1, True, False),
        (2, (2, 3), (3, 2), (0, 1), 1, True, True),
        (2, (3, 3), (1, 1), 1, 1, False, True),
        (2, (3, 2), (2, 2), (1, 1), 2, False, False),
        (2, (3, 2), (1, 2), (1, 1), 2, True, True),
        (2, (2, 2), (2, 2), ((0, 1), (1, 0)), 1, True, False),
        (2, (1, 1), (2, 3), 0, 1, False, False),
        (0, (3, 2), (2, 1), (1, 0), 1, True, False),
    )
] + [
    PoolCase(2, (18, 17), Window((17, 16), 1), odd_values=True),
    PoolCase(1, (5, 9), Window(2), output_size=(5, 9)),
    PoolCase(1, (5, 9), Window(2), output_size=(1, 1)),
    PoolCase(1, (2, 3), Window(2), output_size=(4, 5)),
    PoolCase(3, (7, 6), Window((3, 2), 2, 1), dtype=np.float32),
    PoolCase(2, (5, 8), Window((2, 3), (2, 3)), dtype=np.float32),
    PoolCase(2, (8, 5), Window((3, 2), (3, 2), ceil_mode=True)),
]
BATCH_NORM_CASES = [
    BatchNormCase((3, 4, 5, 2)),
    BatchNormCase((3, 4, 5, 2), affine=False),
    BatchNormCase((6, 3)),
    BatchNormCase((2, 3, 7)),
    BatchNormCase((0, 3, 2, 2)),
    BatchNormCase((1, 2, 1, 1)),
    BatchNormCase((3, 4, 5, 2), dtype=np.float32),
]
KINKS = (0.0, -3.0, 3.0, 6.0, -90.0, 90.0, np.nan, -0.0)
SETTINGS = {"leaky_relu": (0.2,), "elu": (1.3, 1.05)}
ACTIVATION_CASES = [
    ActivationCase(kind, SETTINGS.get(kind, ()), shape, dtype)
    for kind in activation.KINDS
    for shape, dtype in (((3, 50), np.float64), ((2, 5, 7, 3), np.float32), ((0, 3), np.float32))
]
CROSS_ENTROPY_CASES = [
    CrossEntropyCase(shape, weighted, smoothing, dtype)
    for shape in ((5, 2, 1), (6, 10, 1), (3, 37, 1), (2, 4, 300), (0, 3, 2))
    for weighted, smoothing, dtype in (
        (False, 0.0, np.float32),
        (True, 0.1, np.float32),
        (True, 0.1, np.float64),
    )
]
OPTIMIZER_CASES = [
    OptimizerCase("sgd_step", (False,), (0.1,)),
    OptimizerCase("sgd_step", (False,), (0.1, 0.0, 1.0, 0.2)),
    OptimizerCase("sgd_step", (True,), (0.1, 0.9, 0.7, 0.2)),
    OptimizerCase("sgd_step", (True,), (0.1, 0.9, 1.0, 0.2, True)),
    OptimizerCase("lars_step", (True,), (0.1, 0.9, 0.2)),
    OptimizerCase("rmsprop_step", (True, False, False), (0.1, 0.9, 1e-3)),
    OptimizerCase("rmsprop_step", (True, False, True), (0.1, 0.9, 1e-3, 0.8, 0.2)),
    OptimizerCase("adam_step", (True, True, False), (3, 0.1, (0.9, 0.99), 1e-3, 0.2)),
    OptimizerCase("adam_step", (True, True, True), (3, 0.1, (0.9, 0.99), 1e-3, 0.2, True)),
    OptimizerCase("sgd_step", (True,), (0.1, 0.9, 0.7, 0.2), np.float32),
    OptimizerCase("adam_step", (True, True, False), (3, 0.1, (0.9, 0.99), 1e-3), np.float32),
]
PRELU_CASES = [
    PReLUCase(shape, dtype)
    for shape, dtype in (
        ((2, 3, 20), np.float64),
        ((2, 1, 5000), np.float32),
        ((5, 4, 1), np.float32),
        ((0, 3, 2), np.float32),
        ((2, 3, 0), np.float32),
    )
]
RESAMPLE_CASES = [
    ResampleCase((2, 3, 4, 5), (7, 9)),
    ResampleCase((2, 3, 6, 5), (2, 3)),
    ResampleCase((2, 3, 4, 5), (7, 9), linear=False),
    ResampleCase((2, 3, 5), (8,), linear=False),
    ResampleCase((1, 2, 5), (8,)),
    ResampleCase((0, 2, 3, 3), (4, 4)),
    ResampleCase((2, 2, 1, 1), (3, 4), dtype=np.float32),
]
LOCAL_RESPONSE_NORM_CASES = [
    LocalResponseNormCase((2, channels, 3, 2), size)
    for channels, size in product((1, 4, 7), (1, 2, 3, 4, 5, 9))
] + [
    LocalResponseNormCase((3, 5), 3, beta=0.5),
    LocalResponseNormCase((0, 5, 2, 2), 3),
    LocalResponseNormCase((2, 6, 3, 3), 5, dtype=np.float32),
]
