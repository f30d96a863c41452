"""Sums of products in Numba add the bias and apply the relu, and keep NaN to its windows."""

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, use
from minitorch_cnn.kernels.conv2d import conv2d_forward

pytest.importorskip("numba")


@pytest.mark.parametrize("name", ["numba", "direct", "channels"])
@pytest.mark.parametrize("width", [35, 36])
@pytest.mark.parametrize(("groups", "outputs"), [(1, 8), (1, 24), (2, 24), (8, 8), (8, 24)])
def test_bias_and_relu_are_applied_and_nan_stays_nan(name, width, groups, outputs):
    rng, window = np.random.default_rng(1), Window(3, padding=1)
    x = rng.standard_normal((2, 8, 9, width))
    w, bias = rng.standard_normal((outputs, 8 // groups, 3, 3)), rng.standard_normal(outputs)
    x[0, 2, 4, 20] = np.nan
    found = {}
    for implementation in (name, "numpy"):
        with use(implementation):
            found[implementation] = conv2d_forward(x, w, window, groups, bias, True)
    assert np.isnan(found["numpy"]).any() and (found["numpy"] == 0).any()
    np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(found["numpy"]))
    np.testing.assert_allclose(found[name], found["numpy"], rtol=0, atol=1e-12)
