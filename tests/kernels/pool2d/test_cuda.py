import numpy as np
import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from minitorch_cnn.kernels.pool2d import cuda, max_pool2d_input_grad

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(3, 5, 2, 2), (1, 2, 30, 40), (2, 1, 1, 1)])
@pytest.mark.parametrize("shared", [0, 400, 64 * 1024])
def test_gradients_of_one_input_are_added_in_shared_or_global_memory(
    shape, shared, order, monkeypatch
):
    monkeypatch.setattr(cuda, "SHARED", shared)
    gy = rng.standard_normal(shape).astype(np.float32)
    argmax = rng.integers(0, 7 * 9, shape)
    with use("loops"):
        expected = max_pool2d_input_grad(gy, argmax, (7, 9))
    with use("emulator"), emulated(order=order, guards=True):
        got = max_pool2d_input_grad(gy, argmax, (7, 9))
    assert np.allclose(got, expected, rtol=1e-5, atol=1e-5)
