import numpy as np
import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.batch_norm import batch_norm_statistics, cuda
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from tests.kernels.implementation_check import BatchNormCase, assert_agrees_with_loops

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)


@pytest.mark.parametrize("shape", [(2, 3, 36, 64), (700, 2, 4), (430, 2, 5)])
def test_channels_of_many_elements_are_split_over_blocks(shape):
    assert cuda._splits(*shape[:2], int(np.prod(shape[2:]))) > 1
    assert_agrees_with_loops(BatchNormCase(shape, dtype=np.float32), "emulator")


def test_results_are_bitwise_independent_of_the_order_of_threads():
    x = rng.standard_normal((3, 2, 40, 40)).astype(np.float32)
    results = []
    for order in ORDERS:
        with use("emulator"), emulated(order=order):
            results.append(np.stack(batch_norm_statistics(x)))
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_an_outlier_does_not_spoil_the_statistics():
    x = rng.standard_normal((4, 2, 24, 24)).astype(np.float32)
    x[0, :, 0, 0] = 1000, -3e4
    exact = x.astype(np.float64)
    with use("emulator"):
        mean, var = batch_norm_statistics(x)
    assert np.allclose(mean, exact.mean((0, 2, 3)), rtol=0, atol=2e-7 * 3e4)
    assert np.allclose(var, exact.var((0, 2, 3)), rtol=1e-5)


def test_a_nan_reaches_the_statistics_of_its_channel_only():
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    x[1, 1, 2] = np.nan
    with use("emulator"):
        mean, var = batch_norm_statistics(x)
    assert np.isnan([mean, var]).tolist() == [[False, True, False]] * 2
