"""Activations: values against formulas, slopes against differences, kinks and large inputs."""

import math

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import grad, gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor

erf = np.vectorize(math.erf)

# name: (settings, formula, inputs without a kink nearby)
ACTIVATIONS = {
    "relu6": ({}, lambda x: np.minimum(np.maximum(x, 0), 6), (-2.0, -0.1, 0.1, 3.0, 5.9, 6.1)),
    "leaky_relu": (
        {"negative_slope": 0.2},
        lambda x: np.where(x > 0, x, 0.2 * x),
        (-2.0, 0.1, 3.0),
    ),
    "elu": (
        {"alpha": 1.3},
        lambda x: np.where(x > 0, x, 1.3 * np.expm1(x)),
        (-5.0, -0.1, 0.1, 2.0),
    ),
    "selu": (
        {},
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
        (-5.0, -0.1, 0.1, 2.0),
    ),
    "gelu": ({}, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, (-3.0, -0.5, 0.0, 0.5, 3.0)),
    "gelu, tanh": (
        {"approximate": "tanh"},
        lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
        (-3.0, -0.5, 0.0, 0.5, 3.0),
    ),
    "silu": ({}, lambda x: x / (1 + np.exp(-x)), (-4.0, -0.5, 0.0, 0.5, 4.0)),
    "hardsigmoid": (
        {},
        lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6,
        (-4.0, -3.1, -2.9, 0.0, 2.9, 3.1),
    ),
    "hardswish": (
        {},
        lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6,
        (-4.0, -3.1, -2.9, 0.0, 2.9, 3.1),
    ),
    "softplus": ({}, lambda x: np.log(1 + np.exp(x)), (-4.0, 0.0, 1.0, 19.0)),
    "softplus, settings": (
        {"beta": 2.0, "threshold": 3.0},
        lambda x: np.where(2 * x > 3, x, np.log(1 + np.exp(2 * x)) / 2),
        (-1.0, 0.0, 1.4, 1.6),
    ),
    "scaled_tanh": ({}, lambda x: 1.7159 * np.tanh(2 * x / 3), (-3.0, 0.0, 1.0)),
}


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def slopes(fn, values, dtype=np.float64):
    """Values and slopes of an elementwise function."""
    x = leaf(values, dtype)
    y = fn(x)
    y.backward(Tensor(np.ones_like(x.data)))
    return y.data, x.grad.data


@pytest.fixture(params=ACTIVATIONS)
def activation(request):
    settings, formula, inputs = ACTIVATIONS[request.param]
    fn = getattr(F, request.param.split(",")[0])
    return lambda x: fn(x, **settings), formula, inputs


def test_the_value_is_the_formula_s(activation):
    fn, formula, inputs = activation
    x = np.concatenate([inputs, np.linspace(-7, 7, 29)])
    np.testing.assert_allclose(fn(Tensor(x)).data, formula(x), rtol=1e-12, atol=1e-15)


def test_gradients_of_both_orders_are_the_slopes(activation):
    fn, _, inputs = activation
    assert gradcheck(fn, (leaf(inputs),))
    assert gradgradcheck(fn, (leaf(inputs),))


def test_the_third_derivative_exists(activation):
    fn, _, inputs = activation
    x = leaf(inputs)
    g = fn(x)
    for _ in range(3):
        g.sum().backward(create_graph=True)
        g, x.grad = x.grad, None
        if not g.requires_grad:  # piecewise linear: the next derivative is zero
            return
    assert np.isfinite(g.data).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_give_the_limits_without_a_warning(activation, dtype):
    fn, _, _ = activation
    big = 1e30
    y, slope = slopes(fn, [-big, big], dtype)
    assert y.dtype == slope.dtype == dtype
    name_has_limit = np.isfinite(y).all() and np.isfinite(slope).all()
    assert name_has_limit
    assert slope[0] in (0, dtype(0.2)) and 0 <= slope[1] <= dtype(1.1)


def test_dtype_stays(activation):
    fn, _, inputs = activation
    y, slope = slopes(fn, inputs, np.float32)
    assert y.dtype == slope.dtype == np.float32


def test_nan_stays_nan(activation):
    fn, _, _ = activation
    assert np.isnan(fn(Tensor(np.array([np.nan]))).data).all()


def test_an_empty_tensor_stays_empty(activation):
    fn, _, _ = activation
    assert fn(Tensor(np.zeros((0, 3)))).shape == (0, 3)


def test_integers_are_refused(activation):
    fn, _, _ = activation
    with pytest.raises(TypeError, match="input of dtype int64 must be of a floating-point dtype"):
        fn(Tensor(np.arange(3)))


def test_an_array_is_refused_by_name():
    with pytest.raises(TypeError, match=r"^relu6: input must be a Tensor, got ndarray"):
        F.relu6(np.zeros(3))


@pytest.mark.parametrize(
    ("name", "settings", "at", "slope"),
    [
        ("relu6", {}, (0.0, 6.0), (0.0, 0.0)),
        ("leaky_relu", {"negative_slope": 0.2}, (0.0,), (0.2,)),
        ("elu", {"alpha": 1.3}, (0.0,), (1.3,)),
        ("hardsigmoid", {}, (-3.0, 3.0), (0.0, 0.0)),
        ("hardswish", {}, (-3.0, 3.0), (0.0, 1.0)),
    ],
)
def test_the_slope_at_a_kink_is_pytorch_s(name, settings, at, slope):
    _, found = slopes(lambda x: getattr(F, name)(x, **settings), at)
    np.testing.assert_array_equal(found, slope)


def test_gelu_keeps_its_sign_far_to_the_left():
    y, _ = slopes(F.gelu, [-5.0, -20.0])
    assert -1e-5 < y[0] < 0 and -1e-80 < y[1] <= 0


def test_selu_keeps_mean_0_and_variance_1():
    x = np.random.default_rng(0).standard_normal(200_000)
    y = F.selu(Tensor(x)).data
    assert abs(y.mean()) < 0.01 and abs(y.var() - 1) < 0.02


def test_scaled_tanh_is_1_at_1():
    np.testing.assert_allclose(
        F.scaled_tanh(Tensor(np.array([-1.0, 1.0]))).data, [-1, 1], atol=1e-4
    )


@pytest.mark.parametrize(
    ("shape", "weight"),
    [((2, 3, 4), 3), ((2, 3, 4), 1), ((5, 2), 2), ((4,), 1), ((), 1), ((2, 0), 1)],
)
def test_prelu_has_a_slope_per_channel(shape, weight, rng):
    x = rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)
    w = rng.uniform(-1, 1, weight)
    along = w.reshape((-1,) + (1,) * (x.ndim - 2)) if x.ndim > 1 else w.reshape((1,) * x.ndim)
    inputs = leaf(x), leaf(w)
    np.testing.assert_allclose(F.prelu(*inputs).data, np.where(x > 0, x, along * x))
    if x.size:
        assert gradcheck(F.prelu, inputs)
        assert gradgradcheck(F.prelu, inputs)


def test_both_gradients_of_prelu_at_once_are_differentiable(rng):
    x = leaf(rng.uniform(0.1, 2, (2, 3, 4)) * rng.choice([-1, 1], (2, 3, 4)))
    w, gy = leaf(rng.uniform(-1, 1, 3)), leaf(rng.standard_normal((2, 3, 4)))
    a, b = Tensor(rng.standard_normal(x.shape)), Tensor(rng.standard_normal(3))

    def both(x, w, gy):
        gx, gw = grad(F.prelu(x, w), (x, w), gy, create_graph=True)
        return (gx * a).sum() + (gw * b).sum()

    assert gradcheck(both, (x, w, gy))


def test_prelu_refuses_a_weight_for_other_channels():
    with pytest.raises(ValueError, match=r"^prelu: weight of shape \(3,\) .* 2 channels"):
        F.prelu(Tensor(np.zeros((4, 2))), Tensor(np.zeros(3)))


def test_gelu_refuses_an_unknown_approximation():
    with pytest.raises(ValueError, match=r"^gelu: approximate='fast' must be 'none' or 'tanh'"):
        F.gelu(Tensor(np.zeros(3)), approximate="fast")


def test_softplus_refuses_beta_0():
    with pytest.raises(ValueError, match=r"^softplus: beta=0 must not be 0"):
        F.softplus(Tensor(np.zeros(3)), beta=0)


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "silu"])
def test_an_activation_makes_no_array_for_its_backward(name):
    x = leaf(np.ones((100, 100)))
    y = getattr(F, name)(x)
    (kept,) = y._node.saved
    assert (kept.data is x.data or kept.data is y.data) and not y._node.kept
