import math

import numpy as np
import pytest

from minitorch_cnn.kernels.cuda.array import EmulatorArray, to_emulator
from minitorch_cnn.kernels.special import erf, erfc


@pytest.mark.parametrize("function, exact", [(erf, math.erf), (erfc, math.erfc)])
@pytest.mark.parametrize("shape", [(2, 3), (), (0,)])
def test_values_are_exact_in_the_dtype_and_on_the_device_of_the_input(function, exact, shape):
    x = np.asarray(np.random.default_rng(0).normal(0, 3, shape), np.float32)
    y = function(x)
    assert type(y) is np.ndarray and y.dtype == np.float32 and y.shape == shape
    assert y.ravel().tolist() == [np.float32(exact(value)) for value in x.ravel()]
    there = function(to_emulator(x))
    assert type(there) is EmulatorArray and there.tolist() == y.tolist()
