"""The readable convolution and the fast one agree: values and gradients of both orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import grad
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import convolutions, leaves


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_conv2d_simple_and_conv2d_agree(drawn, seed):
    arrays, geometry = drawn
    results = [values_and_gradients(f, arrays, geometry, seed) for f in (F.conv2d, F.conv2d_simple)]
    for fast, simple in zip(*results, strict=True):
        np.testing.assert_allclose(fast, simple, rtol=1e-9, atol=1e-9)


def values_and_gradients(function, arrays, geometry, seed):
    """y, its gradients g along a random cotangent, and the gradients of g along random ones."""
    rng = np.random.default_rng(seed)
    given = leaves(arrays)
    y = function(*given, **geometry)
    inputs = [t for t in given if t is not None]
    gy = Tensor(rng.standard_normal(y.shape), requires_grad=True)
    first = grad(y, inputs, gy, create_graph=True)
    along = [Tensor(rng.standard_normal(g.shape)) for g in first]
    second = grad(first, [gy, *inputs[:2]], along)
    return [t.array for t in (y, *first, *second)]


ONE = np.zeros((4, 5, 5))
WEIGHT = np.zeros((6, 4, 3, 3))
REFUSED = [
    ((ONE, WEIGHT), {"groups": 3}, ValueError, "groups=3 must divide in_channels=4"),
    ((ONE, WEIGHT), {"groups": 2}, ValueError, "input of shape"),
    ((ONE, WEIGHT), {"padding": "full"}, ValueError, "padding='full' must be 'same', 'valid' or"),
    ((ONE, WEIGHT), {"padding": "same", "stride": 2}, ValueError, "padding='same' needs stride=1"),
    ((ONE, WEIGHT), {"padding": 1.5}, TypeError, "padding=1.5 must be an int"),
    ((ONE, WEIGHT), {"dilation": 0}, ValueError, "dilation=0 must be at least 1"),
    ((ONE[0], WEIGHT), {}, ValueError, "input of shape"),
    ((ONE[None, None], WEIGHT), {}, ValueError, "input of shape"),
    ((ONE, WEIGHT, np.zeros(5)), {}, ValueError, "bias of shape"),
    ((ONE[:, :2], WEIGHT), {}, ValueError, ""),
    ((ONE[:, :0], WEIGHT), {"padding": 2}, ValueError, "input of shape"),
    ((ONE.astype(np.float32), WEIGHT), {}, TypeError, "weight of dtype float64 must be of input's"),
]


@pytest.mark.parametrize(("arrays", "settings", "error", "message"), REFUSED)
def test_conv2d_simple_refuses_what_conv2d_refuses(arrays, settings, error, message):
    for name in ("conv2d", "conv2d_simple"):
        with pytest.raises(error, match=f"^{name}: {message}"):
            getattr(F, name)(*map(Tensor, arrays), **settings)
