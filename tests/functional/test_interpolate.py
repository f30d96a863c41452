"""interpolate against its definition pixel by pixel, and its gradient against the adjoint."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor
from tests.oracle import interpolate_bilinear

lengths = st.integers(1, 7)
factors = st.sampled_from([0.5, 2 / 3, 1.0, 1.3, 2.0, 2.5])


@settings(max_examples=60, deadline=None)
@given(size=st.tuples(lengths, lengths), out=st.tuples(lengths, lengths), align=st.booleans())
def test_bilinear_to_a_size_weights_four_neighbours(size, out, align):
    x = np.random.default_rng(0).standard_normal((2, 1, *size))
    y = F.interpolate(Tensor(x), size=out, mode="bilinear", align_corners=align)
    np.testing.assert_allclose(
        y.array, interpolate_bilinear(x, out, align_corners=align), atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(2, 7), st.integers(2, 7)),
    scales=st.tuples(factors, factors),
    align=st.booleans(),
    recompute=st.booleans(),
)
def test_bilinear_by_a_factor_uses_the_factor_itself(size, scales, align, recompute):
    x = np.random.default_rng(0).standard_normal((1, 2, *size))
    out = tuple(math.floor(n * s) for n, s in zip(size, scales, strict=True))
    y = F.interpolate(
        Tensor(x),
        scale_factor=scales,
        mode="bilinear",
        align_corners=align,
        recompute_scale_factor=recompute,
    )
    # A factor that keeps the size keeps the pixels, as in PyTorch.
    used = [None if recompute or n == o else s for n, o, s in zip(size, out, scales, strict=True)]
    np.testing.assert_allclose(y.array, interpolate_bilinear(x, out, used, align), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(space=st.lists(st.tuples(lengths, lengths), min_size=1, max_size=2))
def test_nearest_takes_the_pixel_at_the_scaled_place(space):
    size, out = zip(*space, strict=True)
    x = np.random.default_rng(0).standard_normal((2, 1, *size))
    y = F.interpolate(Tensor(x), size=out).array
    for target in np.ndindex(*out):
        source = tuple(o * n // m for o, n, m in zip(target, size, out, strict=True))
        np.testing.assert_array_equal(y[(..., *target)], x[(..., *source)])


@pytest.mark.parametrize("scale", [0.7, 1.7, 2.5])
def test_nearest_by_a_factor_takes_the_pixel_at_the_place_over_the_factor(scale):
    x = np.arange(7.0).reshape(1, 1, 7)
    y = F.interpolate(Tensor(x), scale_factor=scale).array
    np.testing.assert_array_equal(y[0, 0], np.floor(np.arange(math.floor(7 * scale)) / scale))


def test_nearest_by_2_repeats_each_pixel():
    x = np.arange(6).reshape(1, 1, 2, 3)
    y = F.interpolate(Tensor(x), scale_factor=2)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.array, x.repeat(2, 2).repeat(2, 3))


def test_one_number_holds_for_all_axes(rng):
    x = Tensor(rng.standard_normal((1, 1, 3, 4)))
    assert F.interpolate(x, size=5).shape == (1, 1, 5, 5)
    assert F.interpolate(x, scale_factor=1.5).shape == (1, 1, 4, 6)


CASES = [
    ((1, 2, 3, 4), {"size": (5, 2), "mode": "bilinear"}),
    ((1, 2, 3, 4), {"size": (5, 2), "mode": "bilinear", "align_corners": True}),
    ((1, 1, 4, 5), {"scale_factor": (1.7, 0.6), "mode": "bilinear"}),
    ((1, 1, 5, 6), {"size": (2, 2), "mode": "bilinear"}),
    ((1, 2, 3, 4), {"size": (5, 2)}),
    ((2, 2, 5), {"scale_factor": 1.7}),
    ((1, 2, 3, 4), {"size": (5, 2), "mode": "nearest-exact"}),
    ((1, 2, 5), {"size": 8, "mode": "linear"}),
    ((1, 1, 2, 3, 2), {"size": (3, 2, 4), "mode": "trilinear"}),
    ((1, 1, 5, 7), {"size": (3, 4), "mode": "area"}),
    ((2, 1, 5), {"size": 7, "mode": "area"}),
    ((1, 2, 3, 4), {"size": (5, 2), "mode": "bicubic"}),
    ((1, 2, 3, 4), {"scale_factor": 1.7, "mode": "bicubic", "align_corners": True}),
    ((1, 1, 7, 6), {"size": (3, 8), "mode": "bilinear", "antialias": True}),
    ((1, 1, 7, 6), {"scale_factor": 0.4, "mode": "bicubic", "antialias": True}),
]


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_the_gradient_of_interpolate_is_its_adjoint(shape, options, rng):
    x = Tensor(rng.standard_normal(shape), requires_grad=True)
    y = F.interpolate(x, **options)
    gy = rng.standard_normal(y.shape)
    y.backward(Tensor(gy))
    v = rng.standard_normal(shape)
    forward = (gy * F.interpolate(Tensor(v), **options).array).sum()
    np.testing.assert_allclose((x.grad.array * v).sum(), forward)
    assert gradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options) ** 2, (x,))


ALL_MODES = {
    3: [("nearest", (None,)), ("nearest-exact", (None,)), ("area", (None,)),
        ("linear", (None, False, True))],
    4: [("nearest", (None,)), ("nearest-exact", (None,)), ("area", (None,)),
        ("bilinear", (None, False, True)), ("bicubic", (None, False, True))],
    5: [("nearest", (None,)), ("nearest-exact", (None,)), ("area", (None,)),
        ("trilinear", (None, False, True))],
}  # fmt: skip
SHAPES = {3: (2, 1, 7), 4: (1, 2, 5, 7), 5: (1, 1, 3, 4, 5)}
GRID = [
    (ndim, mode, align, antialias)
    for ndim, modes in ALL_MODES.items()
    for mode, alignments in modes
    for align in alignments
    for antialias in ((False, True) if mode in ("bilinear", "bicubic") else (False,))
]


@pytest.mark.parametrize(("ndim", "mode", "align", "antialias"), GRID)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_mode_to_sizes_and_by_factors_is_pytorch_s(ndim, mode, align, antialias, dtype):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal(SHAPES[ndim]).astype(dtype)
    options = [{"size": out} for out in (1, 2, 3, 5, 9, 14)]
    options += [{"scale_factor": s} for s in (0.4, 0.5, 1.0, 1.3, 2.0, 2.5)]
    options += [{"scale_factor": s, "recompute_scale_factor": True} for s in (0.4, 1.3, 2.018)]
    settings = {"mode": mode, "align_corners": align, "antialias": antialias}
    tolerance = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-10}[dtype]
    for option in options:
        if (mode, option.get("scale_factor")) == ("nearest", 1.3):
            continue  # small sizes, which PyTorch's CPU copies
        exact = x.astype(np.float32) if dtype == "float16" else x
        their_x = torch.tensor(exact, requires_grad=True)
        their_y = torch.nn.functional.interpolate(their_x, **option, **settings)
        our_x = Tensor(x.copy(), requires_grad=True)
        y = F.interpolate(our_x, **option, **settings)
        np.testing.assert_allclose(
            y.array, their_y.detach().numpy(), rtol=tolerance, atol=tolerance
        )
        gy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
        their_y.backward(torch.tensor(gy.astype(exact.dtype)))
        y.backward(Tensor(gy))
        np.testing.assert_allclose(
            our_x.grad.array, their_x.grad.numpy(), rtol=tolerance, atol=4 * tolerance
        )
        assert y.dtype == our_x.grad.dtype == x.dtype


@pytest.mark.parametrize("size", [5, 37, 100])
@pytest.mark.parametrize("scale", [1.004, 2.004, 2.018, 3.3])
@pytest.mark.parametrize("signal", [True, False])
def test_nearest_by_an_odd_factor_follows_the_factor_at_1_to_1_and_1_to_2_too(size, scale, signal):
    x = np.broadcast_to(np.arange(size, dtype=np.float32), (1, 2, *([size] * (2 - signal))))
    y = F.interpolate(Tensor(x.copy()), scale_factor=scale).array
    expected = np.floor(np.arange(math.floor(size * scale)) / scale)
    np.testing.assert_array_equal(y, np.broadcast_to(expected, y.shape))


def test_area_is_the_mean_of_what_an_output_covers(rng):
    x = rng.standard_normal((2, 3, 6, 8))
    y = F.interpolate(Tensor(x), size=(3, 2), mode="area").array
    np.testing.assert_allclose(y, x.reshape(2, 3, 3, 2, 2, 4).mean((3, 5)))
    np.testing.assert_allclose(y, F.adaptive_avg_pool2d(Tensor(x), (3, 2)).array)


def test_a_cubic_weighs_four_neighbours_by_keys_polynomial():
    x = Tensor(np.eye(4).reshape(4, 1, 1, 4))
    y = F.interpolate(x, size=(1, 7), mode="bicubic", align_corners=True).array[:, 0, 0, 3]
    np.testing.assert_allclose(y, [-0.09375, 0.59375, 0.59375, -0.09375])  # a = -3/4 at 1/2, 3/2


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_antialias_averages_what_it_shrinks(mode):
    ramp = Tensor(np.broadcast_to(np.arange(16.0), (1, 1, 4, 16)).copy())
    small = F.interpolate(ramp, size=(2, 4), mode=mode, antialias=True).array
    np.testing.assert_allclose(small.mean(), 7.5)


@pytest.mark.parametrize("mode", ["area", "bilinear", "bicubic"])
def test_an_infinity_stays_among_its_neighbours(mode):
    x = np.zeros((1, 1, 1, 21))
    x[..., 10] = np.inf
    y = F.interpolate(Tensor(x), size=(1, 8), mode=mode, antialias=mode != "area").array[0, 0, 0]
    assert np.isfinite(y[[0, 1, 6, 7]]).all() and not np.isnan(y).any()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_nan_stays_among_its_neighbours(mode):
    x = np.zeros((1, 1, 8, 8))
    x[0, 0, 0, 0] = np.nan
    y = F.interpolate(Tensor(x), scale_factor=2, mode=mode).array
    assert np.isnan(y[0, 0, :2, :2]).any() and not np.isnan(y[0, 0, 3:]).any()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_dtype_and_empty_batches_stay(mode):
    x = Tensor(np.zeros((0, 2, 4, 4), np.float32), requires_grad=True)
    y = F.interpolate(x, size=3, mode=mode)
    y.sum().backward()
    assert y.shape == (0, 2, 3, 3) and y.dtype == np.float32 and x.grad.shape == x.shape


IMAGE = Tensor(np.zeros((1, 1, 4, 4)))
REFUSED = [
    ({}, ValueError, "one of size=None and scale_factor=None must be given"),
    ({"size": 2, "scale_factor": 2}, ValueError, "one of size=2 and scale_factor=2 must be given"),
    ({"size": (2, 3, 4)}, ValueError, r"size=\(2, 3, 4\) must have one entry for each of 2 axes"),
    ({"size": 2.0}, TypeError, "size=2.0 must be of integers"),
    ({"size": 0}, ValueError, r"size=0 resamples \(4, 4\) to \(0, 0\); sizes must be 1 or more"),
    ({"scale_factor": 0.1}, ValueError, r"scale_factor=0.1 resamples \(4, 4\) to \(0, 0\)"),
    ({"scale_factor": -1.0}, ValueError, "scale_factor=-1.0 resamples"),
    ({"size": 2, "mode": "cubic"}, ValueError, "mode='cubic' must be one of 'nearest', 'nea"),
    ({"size": 2, "mode": "linear"}, ValueError, r"input of shape \(1, 1, 4, 4\) must be \(N, C, L"),
    ({"size": 2, "mode": "trilinear"}, ValueError, r"input of shape \(1, 1, 4, 4\) must be \(N, C"),
    (
        {"size": 2, "mode": "area", "align_corners": False},
        ValueError,
        "align_corners=False must be",
    ),
    ({"size": 2, "antialias": True}, ValueError, "antialias=True needs mode 'bilinear' or"),
    ({"scale_factor": "2"}, TypeError, "scale_factor=2 must be of finite numbers"),
    ({"scale_factor": np.nan}, TypeError, "scale_factor=nan must be of finite numbers"),
    ({"size": 2, "align_corners": True}, ValueError, "align_corners=True must be None in mode"),
    ({"size": 2, "recompute_scale_factor": True}, ValueError, "recompute_scale_factor=True needs"),
]


@pytest.mark.parametrize(("options", "error", "message"), REFUSED)
def test_bad_arguments_are_named(options, error, message):
    with pytest.raises(error, match=rf"^interpolate: {message}"):
        F.interpolate(IMAGE, **options)


def test_other_ranks_and_integers_are_refused():
    with pytest.raises(ValueError, match=r"^interpolate: input of shape \(1, 4, 4\) must be"):
        F.interpolate(IMAGE[0], size=2, mode="bilinear")
    with pytest.raises(ValueError, match=r"^interpolate: input of shape \(4, 4\) must be"):
        F.interpolate(IMAGE[0, 0], size=2)
    with pytest.raises(TypeError, match=r"^interpolate: input of dtype int64 must be"):
        F.interpolate(Tensor(np.zeros((1, 1, 2, 2), int)), size=3, mode="bilinear")
