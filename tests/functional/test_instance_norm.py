"""Instance norm: gradients of both orders, running statistics, 16 bits, and refusals."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


def leaf(array):
    return Tensor(np.array(array), requires_grad=True)


@pytest.mark.parametrize("use_input_stats", [True, False])
def test_instance_norm_has_gradients_of_both_orders(use_input_stats, rng):
    inputs = [leaf(rng.standard_normal(shape)) for shape in ((2, 3, 4), (3,), (3,))]

    def normed(x, w, b):
        running = Tensor(np.zeros(3)), Tensor(np.ones(3))
        return F.instance_norm(x, *running, w, b, use_input_stats)

    assert gradcheck(normed, inputs)
    assert gradgradcheck(normed, inputs)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_running_statistics_are_the_averages_of_the_samples_with_the_unbiased_variance(dtype, rng):
    x = rng.normal(5, 3, (4, 2, 5)).astype(dtype)
    mean, var = Tensor(np.ones(2, np.float32)), Tensor(np.full(2, 2, np.float32))
    y = F.instance_norm(Tensor(x), mean, var, momentum=0.3)
    assert y.dtype == dtype
    wide = x.astype(float)
    np.testing.assert_allclose(mean.array, 0.7 + 0.3 * wide.mean((0, 2)), rtol=1e-5)
    expected = 1.4 + 0.3 * wide.var(2, ddof=1).mean(0)
    np.testing.assert_allclose(var.array, expected, rtol=1e-5)


def test_an_empty_batch_gives_an_empty_output():
    assert F.instance_norm(Tensor(np.ones((0, 2, 3)))).shape == (0, 2, 3)


@pytest.mark.parametrize("shape, settings, message", [
    ((2, 3), {}, r"input of shape \(2, 3\) must be \(N, C, \*\)"),
    ((2, 3, 1), {}, "one value per channel"),
    ((2, 3, 4), {"weight": Tensor(np.ones(2))}, r"weight of shape \(2,\)"),
    ((2, 3, 4), {"running_mean": Tensor(np.ones(3))}, "must both be given"),
    ((2, 3, 4), {"use_input_stats": False}, "running_mean=None needs use_input_stats=True"),
])  # fmt: skip
def test_bad_input_is_refused_by_name(shape, settings, message):
    with pytest.raises(ValueError, match=f"instance_norm: .*{message}"):
        F.instance_norm(Tensor(np.ones(shape)), **settings)
