"""pixel_shuffle, pixel_unshuffle and channel_shuffle against their index formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor

sizes = st.integers(1, 4)


@settings(max_examples=40, deadline=None)
@given(batch=st.lists(st.integers(0, 2), max_size=2), r=sizes, c=sizes, h=sizes, w=sizes)
def test_pixel_shuffle_moves_every_element_to_its_place(batch, r, c, h, w):
    x = np.arange(np.prod([*batch, c * r * r, h, w], dtype=int), dtype=float)
    x = x.reshape((*batch, c * r * r, h, w))
    y = F.pixel_shuffle(Tensor(x), r)
    assert y.shape == (*batch, c, h * r, w * r)
    for channel, row, column in np.ndindex(c, h * r, w * r):
        source = channel * r * r + (row % r) * r + column % r
        expected = x[..., source, row // r, column // r]
        np.testing.assert_array_equal(y.array[..., channel, row, column], expected)
    np.testing.assert_array_equal(F.pixel_unshuffle(y, r).array, x)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(0, 2),
    groups=sizes,
    per_group=sizes,
    space=st.lists(sizes, min_size=1, max_size=2),
)
def test_channel_shuffle_deals_the_groups_out_in_turn(n, groups, per_group, space):
    c = groups * per_group
    x = np.random.default_rng(0).standard_normal((n, c, *space))
    y = F.channel_shuffle(Tensor(x), groups).array
    for i in range(groups):
        for j in range(per_group):
            np.testing.assert_array_equal(y[:, j * groups + i], x[:, i * per_group + j])


@pytest.mark.parametrize(
    ("fn", "shape"),
    [
        (lambda x: F.pixel_shuffle(x, 2), (1, 8, 2, 3)),
        (lambda x: F.pixel_unshuffle(x, 2), (2, 4, 6)),
        (lambda x: F.channel_shuffle(x, 3), (1, 6, 2, 2)),
    ],
)
def test_rearrangements_have_their_inverse_as_gradient(fn, shape, rng):
    x = Tensor(rng.standard_normal(shape), requires_grad=True)
    assert gradcheck(fn, (x,))
    assert gradgradcheck(fn, (x,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: F.pixel_shuffle(x, 2),
            "pixel_shuffle: upscale_factor=2 squared must divide .* 6",
        ),
        (lambda x: F.pixel_shuffle(x, 0), "pixel_shuffle: upscale_factor=0 must be positive"),
        (lambda x: F.pixel_shuffle(x[0, 0], 1), r"pixel_shuffle: input of shape \(4, 5\) must be"),
        (
            lambda x: F.pixel_unshuffle(x, 2),
            r"pixel_unshuffle: downscale_factor=2 must .* \(4, 5\)",
        ),
        (
            lambda x: F.channel_shuffle(x, 4),
            "channel_shuffle: groups=4 must be positive and divide",
        ),
        (
            lambda x: F.channel_shuffle(x, 0),
            "channel_shuffle: groups=0 must be positive and divide",
        ),
        (
            lambda x: F.channel_shuffle(x[0, 0], 1),
            r"channel_shuffle: input of shape \(4, 5\) must be",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=rf"^{message}"):
        call(Tensor(np.zeros((1, 6, 4, 5))))
