"""CUDA kernels: the gradient of every function that has some is its slope."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nn import functional as F
from tests.places import KERNEL_DEVICES

RNG = np.random.default_rng(8)


def normal(*shape):
    return RNG.standard_normal(shape)


def apart(*shape):
    """Distinct numbers, so that no maximum is near another."""
    return RNG.permutation(int(np.prod(shape))).reshape(shape) * 0.3


#   name, function, inputs
CASES = [
    ("conv2d", lambda x, w, b: F.conv2d(x, w, b, 2, 1), (2, 3, 5, 4), (4, 3, 3, 2), (4,)),
    ("pointwise", lambda x, w: F.conv2d(x, w), (2, 3, 3, 4), (5, 3, 1, 1)),
    ("depthwise", lambda x, w: F.conv2d(x, w, None, 1, 1, 1, 3), (2, 3, 5, 4), (6, 1, 3, 3)),
    ("grouped", lambda x, w: F.conv2d(x, w, None, 1, 1, 2, 2), (1, 4, 6, 5), (6, 2, 3, 2)),
    ("transposed", lambda x, w: F.conv_transpose2d(x, w, None, 2, 1, 1), (2, 3, 3, 2),
     (3, 2, 3, 3)),
    ("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (3, 2, 3, 2), (2,),
     (2,)),
    ("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), (2, 4, 3, 2), (4,), (4,)),
    ("max_pool2d", lambda x: F.max_pool2d(x, 3, 2, 1), (2, 2, 6, 5)),
    ("avg_pool2d", lambda x: F.avg_pool2d(x, (2, 3), 2, 1), (2, 2, 6, 5)),
    ("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 2)), (2, 2, 5, 5)),
    ("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, (3, 2)), (2, 2, 5, 5)),
    ("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.7), (2, 5, 3, 2)),
    ("cross_entropy", lambda x: F.cross_entropy(x, _labels(x), label_smoothing=0.1), (5, 4)),
    ("gelu", F.gelu, (7,)),
    ("silu", F.silu, (7,)),
]  # fmt: skip


def name_of(value):
    return value if isinstance(value, str) else ""


def _labels(x):
    return mt.tensor([0, 3, 1, 2, 3], device=x.device)


@pytest.mark.parametrize("device", KERNEL_DEVICES)
@pytest.mark.parametrize("name, function, shapes", [(n, f, s) for n, f, *s in CASES], ids=name_of)
def test_the_gradient_is_the_slope(name, function, shapes, device):
    draw = apart if "max" in name else normal
    inputs = [mt.tensor(draw(*s), device=device, requires_grad=True) for s in shapes]
    assert mt.gradcheck(function, inputs)
