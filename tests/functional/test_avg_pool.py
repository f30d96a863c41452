"""Average pooling: gradients of both orders, divisors, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import adaptive_pools, assert_differentiable_twice, leaves, pools
from tests.functional.refusals import assert_refused

DIVISORS = st.fixed_dictionaries(
    {"count_include_pad": st.booleans(), "divisor_override": st.sampled_from([None, 1, 3, -2])}
)


@settings(max_examples=30, deadline=None)
@given(pools(batch=(1, 2)), DIVISORS)
def test_avg_pool2d_has_the_gradients_of_its_slopes(drawn, divisor):
    arrays, geometry = drawn
    assert_differentiable_twice(lambda x: F.avg_pool2d(x, **geometry, **divisor), *arrays)


@settings(max_examples=10, deadline=None)
@given(pools(spatial=1, batch=(1, 2)), st.booleans())
def test_avg_pool1d_has_the_gradients_of_its_slopes(drawn, count_include_pad):
    arrays, geometry = drawn
    geometry["count_include_pad"] = count_include_pad
    assert_differentiable_twice(lambda x: F.avg_pool1d(x, **geometry), *arrays)


@settings(max_examples=15, deadline=None)
@given(adaptive_pools(batch=(1, 2)))
def test_adaptive_avg_pool2d_has_the_gradients_of_its_slopes(drawn):
    arrays, geometry = drawn
    assert_differentiable_twice(lambda x: F.adaptive_avg_pool2d(x, **geometry), *arrays)


def test_a_mean_without_the_padding_of_ones_is_one_everywhere():
    x = Tensor(np.ones((1, 1, 4, 5)))
    y = F.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
    np.testing.assert_allclose(y.array, np.ones(y.shape))


def test_cells_beyond_the_padding_never_count():
    y = F.avg_pool2d(Tensor(np.ones((1, 1, 3, 3))), 3, stride=3, padding=1, ceil_mode=True)
    np.testing.assert_allclose(y.array, [[[[4 / 9, 2 / 6], [2 / 6, 1 / 4]]]])


def test_an_adaptive_pool_to_one_is_the_mean_and_to_the_input_s_size_the_input():
    x = Tensor(np.random.default_rng(0).standard_normal((2, 3, 5, 7)))
    mean = F.adaptive_avg_pool2d(x, 1)
    np.testing.assert_allclose(mean.array, x.array.mean((2, 3), keepdims=True))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, (None, 7)).array, x.array)


def test_an_empty_batch_gives_an_empty_output():
    for function in (F.avg_pool2d, F.adaptive_avg_pool2d):
        (x,) = leaves((np.zeros((0, 2, 4, 4)),))
        y = function(x, 2)
        assert y.shape == (0, 2, 2, 2)
        y.sum().backward()
        assert x.grad.shape == x.shape


def zeros(*shape, dtype="float32"):
    return Tensor(np.zeros(shape, dtype))


X, INTEGERS = zeros(1, 2, 5, 5), zeros(1, 2, 5, 5, dtype="int64")

# (function, arguments, settings, error, part of its message)
REFUSED = {
    "kernel zero": (F.avg_pool2d, (X, 0), {}, ValueError, "kernel_size=0"),
    "kernel large": (F.avg_pool2d, (X, (1, 6)), {}, ValueError, "more than the input"),
    "stride zero": (F.avg_pool2d, (X, 2), {"stride": 0}, ValueError, "stride=0"),
    "padding": (F.avg_pool2d, (X, 3), {"padding": 2}, ValueError, "half of kernel_size=3"),
    "divisor": (F.avg_pool2d, (X, 3), {"divisor_override": 0}, ValueError, "divisor_override=0"),
    "rank 2": (F.avg_pool2d, (zeros(5, 5), 2), {}, ValueError, "(N, C, H, W)"),
    "1d, rank": (F.avg_pool1d, (X, 2), {}, ValueError, "(N, C, L)"),
    "1d, stride": (F.avg_pool1d, (zeros(2, 5), 2, -1), {}, ValueError, "stride=-1"),
    "adaptive, size": (F.adaptive_avg_pool2d, (X, (2, -1)), {}, ValueError, "(2, -1)"),
    "adaptive, one": (F.adaptive_avg_pool2d, (X, (2,)), {}, TypeError, "output_size=(2,)"),
    "adaptive, empty": (F.adaptive_avg_pool2d, (zeros(1, 2, 0, 5), 2), {}, ValueError, "empty"),
    "adaptive, integer": (F.adaptive_avg_pool2d, (INTEGERS, 2), {}, TypeError, "int64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_the_functions_name_and_the_rule_as_by_torch(case):
    assert_refused(*REFUSED[case])
