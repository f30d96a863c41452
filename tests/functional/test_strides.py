"""Windows and norms read arrays of any strides, reversed ones too, and do not change them."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor

W = Tensor(np.random.default_rng(1).standard_normal((4, 2, 3, 2)))
MEAN, VAR = Tensor(np.full(4, 0.5)), Tensor(np.full(4, 2.0))

FUNCTIONS = {
    "conv2d": lambda x: F.conv2d(x, W, stride=2, padding=1, groups=2),
    "conv2d, pointwise": lambda x: F.conv2d(x, W[:, :, :1, :1], groups=2),
    "conv2d_simple": lambda x: F.conv2d_simple(x, W, padding="same", groups=2),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, W, stride=2, groups=2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 2),
    "batch_norm, training": lambda x: F.batch_norm(x, None, None, training=True),
    "batch_norm, running": lambda x: F.batch_norm(x, MEAN, VAR),
    "group_norm": lambda x: F.group_norm(x, 2),
    "layer_norm": lambda x: F.layer_norm(x, (5, 6)),
    "local_response_norm": lambda x: F.local_response_norm(x, 3),
}

# (N, C, H, W) of shape (2, 4, 5, 6), laid out in memory in other ways
LAYOUTS = {
    "channels last": lambda rng: rng.standard_normal((2, 5, 6, 4)).transpose(0, 3, 1, 2),
    "reversed": lambda rng: rng.standard_normal((2, 4, 5, 6))[::-1, ::-1, ::-1, ::-1],
    "every other": lambda rng: rng.standard_normal((4, 8, 10, 12))[::2, ::2, ::2, ::2],
    "broadcast": lambda rng: np.broadcast_to(rng.standard_normal((4, 1, 6)), (2, 4, 5, 6)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_layout_in_memory_does_not_change_values_or_gradients(name, layout, rng):
    strided = LAYOUTS[layout](rng)
    before = strided.copy()
    gy, results = None, []
    for array in (strided, before):
        x = Tensor(array, requires_grad=True)
        y = FUNCTIONS[name](x)
        gy = rng.standard_normal(y.shape[::-1]).T if gy is None else gy
        y.backward(Tensor(gy))
        results.append((y.array, x.grad.array))
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(strided, before)
