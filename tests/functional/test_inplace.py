"""Activations in place of their input: the same memory, and the history of both."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nn import functional as F

CALLS = [
    ("relu", ()), ("leaky_relu", (0.2,)), ("elu", (0.5,)), ("celu", (0.5,)), ("selu", ()),
    ("hardtanh", (-0.5, 0.5)), ("threshold", (0.1, 2.0)), ("rrelu", (0.2, 0.2, True)),
]  # fmt: skip


@pytest.mark.parametrize("name, args", CALLS)
def test_an_activation_in_place_is_the_one_beside_with_its_gradient(rng, name, args):
    x = mt.tensor(rng.standard_normal((3, 4)), requires_grad=True)
    beside = getattr(F, name)(x * 2, *args)
    (beside * beside).sum().backward()
    expected, x.grad = x.grad.numpy(), None
    y = x * 2
    place = y.array
    assert getattr(F, f"{name}_")(y, *args) is y and y.array is place
    np.testing.assert_array_equal(y.detach().numpy(), beside.detach().numpy())
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    with pytest.raises(RuntimeError, match=f"{name}_"):
        getattr(F, f"{name}_")(x, *args)  # a leaf
