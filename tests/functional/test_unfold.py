"""unfold and fold: the columns that a convolution multiplies, and their adjoint."""

import itertools

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn import nn
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor

SETTINGS = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": 2},
    {"kernel_size": (3, 1), "dilation": (2, 1), "padding": (1, 0)},
    {"kernel_size": 3, "padding": 2, "stride": (1, 3), "dilation": 2},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("shape", [(2, 3, 6, 7), (3, 6, 7), (0, 1, 6, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_are_pytorch_s(settings, shape, dtype, rng):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal(shape).astype(dtype)
    y = F.unfold(Tensor(x), **settings)
    their_y = torch.nn.functional.unfold(torch.tensor(x), **settings)
    np.testing.assert_array_equal(y.array, their_y.numpy())
    if 0 not in shape:
        back = F.fold(y, (6, 7), **settings).array
        theirs = torch.nn.functional.fold(their_y, (6, 7), **settings).numpy()
        np.testing.assert_allclose(back, theirs, rtol=1e-6)
    layer, order = nn.Unfold(**settings), ("kernel_size", "dilation", "padding", "stride")
    np.testing.assert_array_equal(layer(Tensor(x)).array, y.array)
    assert all(f"{name}=" in repr(layer) for name in order)
    if 0 not in shape:
        np.testing.assert_array_equal(nn.Fold((6, 7), **settings)(y).array, back)


@pytest.mark.parametrize("settings", SETTINGS)
def test_gradients_of_both_orders(settings, rng):
    x = Tensor(rng.standard_normal((1, 2, 6, 7)), requires_grad=True)
    columns = Tensor(rng.standard_normal(F.unfold(x, **settings).shape), requires_grad=True)
    for check, (fn, leaf) in itertools.product(
        (gradcheck, gradgradcheck),
        (
            (lambda x: F.unfold(x, **settings) ** 2, x),
            (lambda c: F.fold(c, (6, 7), **settings) ** 2, columns),
        ),
    ):
        assert check(fn, (leaf,))


def test_a_product_with_the_columns_is_a_convolution(rng):
    x, w = Tensor(rng.standard_normal((2, 3, 5, 6))), Tensor(rng.standard_normal((4, 3, 3, 2)))
    y = (w.reshape(4, -1) @ F.unfold(x, (3, 2), padding=1)).reshape(2, 4, 5, 7)
    np.testing.assert_allclose(y.array, F.conv2d(x, w, padding=1).array)


def test_fold_adds_16_bit_numbers_in_float32():
    x = Tensor(np.full((1, 9, 2500), 0.001, np.float16))
    y = F.fold(x, (52, 52), 3).array
    assert y.dtype == np.float16
    np.testing.assert_allclose(y[0, 0, 5, 5], 9 * float(np.float16(0.001)), rtol=1e-3)


X = Tensor(np.zeros((1, 2, 4, 4)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.unfold(X, 5), ValueError, "^unfold: "),
        (lambda: F.unfold(X, 2, padding=-1), ValueError, "^unfold: padding=-1 must be at least 0"),
        (lambda: F.unfold(X, 0), ValueError, "^unfold: kernel_size=0 must be at least 1"),
        (lambda: F.unfold(X[0, 0], 2), ValueError, "^unfold: input of shape"),
        (lambda: F.fold(X, 4, 2), ValueError, "^fold: input of shape"),
        (lambda: F.fold(X[0], 4, 2), ValueError, "^fold: input of shape .* multiple of 4 rows"),
        (lambda: F.fold(2.0, 4, 2), TypeError, "^fold: input must be a Tensor"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
