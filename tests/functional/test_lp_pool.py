"""Power-average pooling: gradients of both orders, windows of zeros, and refusals."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_lp_pooling_has_gradients_of_both_orders(p, rng):
    x = Tensor(rng.uniform(0.5, 2, (1, 2, 4, 5)), requires_grad=True)
    assert gradcheck(lambda x: F.lp_pool2d(x, p, 2, 1), (x,))
    assert gradgradcheck(lambda x: F.lp_pool2d(x, p, 2, 1), (x,))


def test_a_window_of_zeros_has_a_gradient_of_zero():
    x = Tensor(np.array([[[0.0, 0.0, 3.0, 4.0]]]), requires_grad=True)
    y = F.lp_pool1d(x, 2, 2)
    y.sum().backward()
    np.testing.assert_allclose(y.array, [[[0, 5]]])
    np.testing.assert_allclose(x.grad.array, [[[0, 0, 0.6, 0.8]]])


def test_powers_beyond_16_bits_do_no_harm():
    y = F.lp_pool1d(Tensor(np.array([[[300.0, 400.0]]], np.float16)), 2, 2)
    assert y.dtype == np.float16 and y.array == 500


def test_bad_settings_are_refused_by_name():
    x = Tensor(np.ones((1, 1, 4)))
    with pytest.raises(ValueError, match="lp_pool1d: norm_type=0"):
        F.lp_pool1d(x, 0, 2)
    with pytest.raises(TypeError, match="lp_pool1d: kernel_size="):
        F.lp_pool1d(x, 2, (1, 2))
    with pytest.raises(TypeError, match=r"adaptive_avg_pool1d: output_size=\(1, 2\)"):
        F.adaptive_avg_pool1d(x, (1, 2))
