"""Max unpooling: gradients of both orders, and where the maxima go.

What it refuses is in the table of test_max_pool.py.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import leaves, normals


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_max_unpool2d_has_the_gradients_of_its_slopes(data):
    n, c, h, w = data.draw(st.tuples(*[st.integers(1, 2)] * 2, *[st.integers(1, 3)] * 2))
    k = data.draw(st.integers(1, 3))
    x, y = normals(data.draw, (n, c, k * h, k * w), (n, c, h, w))
    _, indices = F.max_pool2d(Tensor(x), k, return_indices=True)

    def unpooled(y):
        return F.max_unpool2d(y, indices, k)

    assert gradcheck(unpooled, leaves((y,)))
    assert gradgradcheck(unpooled, leaves((y,)))


def test_max_unpool2d_puts_the_maxima_back_among_zeros():
    x = Tensor(np.arange(20.0).reshape(1, 4, 5))
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(y, indices, 2, output_size=(4, 5))
    expected = np.zeros((4, 5))
    expected[1, 1], expected[1, 3], expected[3, 1], expected[3, 3] = 6, 8, 16, 18
    np.testing.assert_array_equal(back.array, expected[None])
    assert F.max_unpool2d(y, indices * 0, 2).shape == (1, 4, 4)


def test_max_unpool2d_writes_an_element_that_two_windows_chose_once():
    x = Tensor(np.array([[[0.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 0.0]]]))
    y, indices = F.max_pool2d(x, 2, stride=1, return_indices=True)
    np.testing.assert_array_equal(F.max_unpool2d(y, indices, 2, stride=1).array, x.array)
