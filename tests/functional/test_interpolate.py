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
        y.data, interpolate_bilinear(x, out, align_corners=align), atol=1e-12
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
    np.testing.assert_allclose(y.data, interpolate_bilinear(x, out, used, align), atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(space=st.lists(st.tuples(lengths, lengths), min_size=1, max_size=2))
def test_nearest_takes_the_pixel_at_the_scaled_place(space):
    size, out = zip(*space, strict=True)
    x = np.random.default_rng(0).standard_normal((2, 1, *size))
    y = F.interpolate(Tensor(x), size=out).data
    for target in np.ndindex(*out):
        source = tuple(o * n // m for o, n, m in zip(target, size, out, strict=True))
        np.testing.assert_array_equal(y[(..., *target)], x[(..., *source)])


@pytest.mark.parametrize("scale", [0.7, 1.7, 2.5])
def test_nearest_by_a_factor_takes_the_pixel_at_the_place_over_the_factor(scale):
    x = np.arange(7.0).reshape(1, 1, 7)
    y = F.interpolate(Tensor(x), scale_factor=scale).data
    np.testing.assert_array_equal(y[0, 0], np.floor(np.arange(math.floor(7 * scale)) / scale))


def test_nearest_by_2_repeats_each_pixel():
    x = np.arange(6).reshape(1, 1, 2, 3)
    y = F.interpolate(Tensor(x), scale_factor=2)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y.data, x.repeat(2, 2).repeat(2, 3))


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
]


@pytest.mark.parametrize(("shape", "options"), CASES)
def test_the_gradient_of_interpolate_is_its_adjoint(shape, options, rng):
    x = Tensor(rng.standard_normal(shape), requires_grad=True)
    y = F.interpolate(x, **options)
    gy = rng.standard_normal(y.shape)
    y.backward(Tensor(gy))
    v = rng.standard_normal(shape)
    forward = (gy * F.interpolate(Tensor(v), **options).data).sum()
    np.testing.assert_allclose((x.grad.data * v).sum(), forward)
    assert gradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options), (x,))
    assert gradgradcheck(lambda x: F.interpolate(x, **options) ** 2, (x,))


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_a_nan_stays_among_its_neighbours(mode):
    x = np.zeros((1, 1, 8, 8))
    x[0, 0, 0, 0] = np.nan
    y = F.interpolate(Tensor(x), scale_factor=2, mode=mode).data
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
    ({"size": 2, "mode": "cubic"}, ValueError, "mode='cubic' must be 'nearest' or 'bilinear'"),
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
