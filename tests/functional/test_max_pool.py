"""Max pooling: gradients of both orders, ties, NaN and infinities, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import (
    adaptive_pools,
    assert_differentiable_twice,
    leaves,
    pools,
)
from tests.functional.refusals import assert_refused

INF = float("inf")
NAN = float("nan")


@pytest.mark.parametrize(
    "function, drawn",
    [
        (F.max_pool2d, pools(dilated=True, batch=(1, 2))),
        (F.max_pool1d, pools(spatial=1, dilated=True, batch=(1, 2))),
        (F.adaptive_max_pool2d, adaptive_pools(batch=(1, 2))),
    ],
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_max_pooling_has_the_gradients_of_its_slopes(function, drawn, data):
    arrays, geometry = data.draw(drawn)
    assert_differentiable_twice(lambda x: function(x, **geometry), *arrays)


@pytest.mark.parametrize(
    ("function", "drawn", "spatial"),
    [
        (F.max_pool2d, pools(dilated=True), 2),
        (F.max_pool1d, pools(spatial=1, dilated=True), 1),
        (F.adaptive_max_pool2d, adaptive_pools(), 2),
    ],
)
def test_indices_say_where_each_maximum_stood(function, drawn, spatial):
    @settings(max_examples=20, deadline=None)
    @given(drawn)
    def check(drawn):
        (x,), geometry = drawn
        y, indices = function(Tensor(x), return_indices=True, **geometry)
        assert indices.dtype == np.int64 and not indices.requires_grad
        lead = x.shape[:-spatial]
        planes = x.reshape(*lead, np.prod(x.shape[-spatial:]))
        at = indices.array.reshape(*lead, np.prod(y.shape[-spatial:]))
        np.testing.assert_array_equal(np.take_along_axis(planes, at, -1), y.array.reshape(at.shape))

    check()


def test_overlapping_windows_that_share_their_maximum_add_their_gradients():
    (x,) = leaves((np.array([[[0.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]]),))
    y = F.max_pool2d(x, 2, stride=1)
    y.backward(Tensor(np.array([[[1.0, 20.0], [300.0, 4000.0]]])))
    assert x.grad.array[0, 1, 1] == 4321.0
    assert x.grad.array.sum() == 4321.0


def test_the_first_of_equal_elements_wins():
    _, indices = F.max_pool2d(Tensor(np.ones((1, 4, 4))), 2, return_indices=True)
    assert indices.tolist() == [[[0, 2], [8, 10]]]


def test_nan_beats_every_number_and_padding_never_wins():
    x = np.array([[[1.0, NAN, 3.0], [-INF, -INF, -INF], [-INF, -INF, INF]]])
    y, indices = F.max_pool2d(Tensor(x), 2, stride=2, padding=1, return_indices=True)
    np.testing.assert_array_equal(y.array, [[[1.0, NAN], [-INF, INF]]])
    assert indices.tolist() == [[[0, 1], [3, 8]]]


def test_indices_changed_in_place_do_not_change_the_gradient():
    (x,) = leaves((np.arange(16.0).reshape(1, 4, 4),))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert indices.dtype == np.int64
    indices.zero_()
    y.sum().backward()
    assert np.flatnonzero(x.grad.array).tolist() == [5, 7, 13, 15]


def test_an_empty_batch_gives_an_empty_output():
    (x,) = leaves((np.zeros((0, 2, 4, 4)),))
    y = F.max_pool2d(x, 2)
    assert y.shape == (0, 2, 2, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


def zeros(*shape, dtype="float32"):
    return Tensor(np.zeros(shape, dtype))


X, SMALL, AT = zeros(1, 2, 5, 5), zeros(1, 2, 2, 2), zeros(1, 2, 2, 2, dtype="int64")
FAR = Tensor(np.full((1, 2, 2, 2), 99))

# (function, arguments, settings, error, part of its message)
REFUSED = {
    "kernel zero": (F.max_pool2d, (X, 0), {}, ValueError, "kernel_size=0"),
    "kernel large": (F.max_pool2d, (X, 6), {}, ValueError, "more than the input"),
    "kernel spread": (F.max_pool2d, (X, 3), {"dilation": 3}, ValueError, "spans (7, 7)"),
    "kernel triple": (F.max_pool2d, (X, (2, 2, 2)), {}, TypeError, "kernel_size=(2, 2, 2)"),
    "kernel float": (F.max_pool2d, (X, 2.0), {}, TypeError, "kernel_size=2.0"),
    "stride zero": (F.max_pool2d, (X, 2), {"stride": 0}, ValueError, "stride=0"),
    "stride negative": (F.max_pool2d, (X, 2), {"stride": (1, -2)}, ValueError, "stride=(1, -2)"),
    "dilation zero": (F.max_pool2d, (X, 2), {"dilation": 0}, ValueError, "dilation=0"),
    "padding": (F.max_pool2d, (X, 3), {"padding": 2}, ValueError, "half of kernel_size=3"),
    "padding negative": (F.max_pool2d, (X, 3), {"padding": -1}, ValueError, "padding=-1"),
    "rank 2": (F.max_pool2d, (zeros(5, 5), 2), {}, ValueError, "(N, C, H, W)"),
    "empty image": (F.max_pool2d, (zeros(1, 2, 0, 5), 1), {}, ValueError, "empty axis"),
    "1d, rank": (F.max_pool1d, (X, 2), {}, ValueError, "(N, C, L)"),
    "1d, padding": (F.max_pool1d, (zeros(2, 5), 2), {"padding": 2}, ValueError, "padding=2"),
    "adaptive, size": (F.adaptive_max_pool2d, (X, -1), {}, ValueError, "output_size=-1"),
    "adaptive, triple": (F.adaptive_max_pool2d, (X, (1, 2, 3)), {}, TypeError, "(1, 2, 3)"),
    "unpool, shapes": (F.max_unpool2d, (X, AT, 2), {}, ValueError, "indices of shape"),
    "unpool, float": (F.max_unpool2d, (SMALL, SMALL, 2), {}, TypeError, "indices"),
    "unpool, outside": (F.max_unpool2d, (SMALL, FAR, 2), {}, IndexError, "99"),
    "unpool, size": (F.max_unpool2d, (SMALL, AT, 2), {"output_size": (6, 4)}, ValueError, "(6, 4)"),
    "unpool, rank": (F.max_unpool2d, (SMALL, AT, 2), {"output_size": (4,)}, ValueError, "(4,)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_the_functions_name_and_the_rule_as_by_torch(case):
    assert_refused(*REFUSED[case])


def test_a_dilated_window_of_padding_only_is_refused_where_torch_makes_up_an_index():
    with pytest.raises(ValueError, match="padding only"):
        F.max_pool2d(zeros(1, 1, 1, 1), 2, padding=1, stride=1, dilation=2)


def test_integers_are_refused_where_torch_pools_them():
    with pytest.raises(TypeError, match="max_pool2d: input of dtype int64"):
        F.max_pool2d(zeros(1, 2, 4, 4, dtype="int64"), 2)
