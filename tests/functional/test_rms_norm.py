"""RMS norm: gradients of both orders, eps=None, 16 bits, and refusals."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


def test_rms_norm_has_gradients_of_both_orders(rng):
    inputs = [Tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 3, 2), (3, 2))]

    def normed(x, w):
        return F.rms_norm(x, (3, 2), w, 0.1)

    assert gradcheck(normed, inputs)
    assert gradgradcheck(normed, inputs)


@pytest.mark.parametrize("dtype, eps, rtol", [
    (np.float16, 2.0**-23, 1e-3), (np.float32, 2.0**-23, 1e-6), (np.float64, 2.0**-52, 1e-12),
])  # fmt: skip
def test_without_eps_it_is_the_dtypes_resolution_and_float32s_for_16_bits(dtype, eps, rtol):
    x = np.array([1e-4, 3e-4], dtype)
    y = F.rms_norm(Tensor(x), (2,))
    wide = x.astype(float)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.array, wide / np.sqrt((wide**2).mean() + eps), rtol=rtol)


def test_squares_beyond_16_bits_do_no_harm():
    y = F.rms_norm(Tensor(np.array([6e4, -6e4], np.float16)), (2,))
    np.testing.assert_array_equal(y.array, [1, -1])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_gives_nothing(shape):
    assert F.rms_norm(Tensor(np.ones(shape)), shape[1:]).shape == shape


def test_a_shape_that_does_not_end_the_inputs_is_refused_by_name():
    with pytest.raises(ValueError, match=r"rms_norm: normalized_shape=\(3,\)"):
        F.rms_norm(Tensor(np.ones((3, 2))), (3,))
    with pytest.raises(TypeError, match="rms_norm: normalized_shape=2"):
        F.rms_norm(Tensor(np.ones((3, 2))), 2)
