"""Helpers of the tests of autograd."""

import numpy as np
import pytest

from minitorch_cnn.tensor import Tensor


@pytest.fixture
def leaf():
    """leaf(*shape): a float64 leaf of normal draws that requires grad."""
    rng = np.random.default_rng(0)
    return lambda *shape: Tensor(np.asarray(rng.standard_normal(shape)), requires_grad=True)
