"""Activations: values against formulas, slopes against differences, kinks and large inputs."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
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
    "softplus, linear where negative": (
        {"beta": 2.0, "threshold": -3.0},
        lambda x: np.where(2 * x > -3, x, np.log(1 + np.exp(2 * x)) / 2),
        (-3.0, -1.6, -1.4, 0.0),
    ),
    "logsigmoid": ({}, lambda x: -np.log(1 + np.exp(-x)), (-4.0, 0.0, 1.0)),
    "mish": ({}, lambda x: x * np.tanh(np.log(1 + np.exp(x))), (-4.0, 0.0, 1.0)),
    "hardtanh": ({"max_val": 2.0}, lambda x: np.clip(x, -1, 2), (-1.1, -0.9, 1.9, 2.1)),
    "hardshrink": ({}, lambda x: np.where(np.abs(x) > 0.5, x, 0), (-0.6, -0.4, 0.0, 0.6)),
    "softshrink": (
        {},
        lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
        (-0.6, -0.4, 0.4, 0.6),
    ),
    "threshold": (
        {"threshold": 0.5, "value": 2.0},
        lambda x: np.where(x > 0.5, x, 2.0),
        (-0.6, 0.4, 0.6),
    ),
    "celu": (
        {"alpha": 1.3},
        lambda x: np.where(x > 0, x, 1.3 * np.expm1(x / 1.3)),
        (-5.0, -0.1, 0.1, 2.0),
    ),
    "softsign": ({}, lambda x: x / (1 + np.abs(x)), (-5.0, -0.1, 0.1, 2.0)),
    "tanhshrink": ({}, lambda x: x - np.tanh(x), (-5.0, -0.1, 0.1, 2.0)),
    "scaled_tanh": ({}, lambda x: 1.7159 * np.tanh(2 * x / 3), (-3.0, 0.0, 1.0)),
}


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def slopes(fn, values, dtype=np.float64):
    """Values and slopes of an elementwise function."""
    x = leaf(values, dtype)
    y = fn(x)
    y.backward(Tensor(np.ones_like(x.array)))
    return y.array, x.grad.array


@pytest.fixture(params=ACTIVATIONS)
def activation(request):
    settings, formula, inputs = ACTIVATIONS[request.param]
    fn = getattr(F, request.param.split(",")[0])
    return lambda x: fn(x, **settings), formula, inputs


def test_the_value_is_the_formula_s(activation):
    fn, formula, inputs = activation
    x = np.concatenate([inputs, np.linspace(-7, 7, 29)])
    np.testing.assert_allclose(fn(Tensor(x)).array, formula(x), rtol=1e-12, atol=1e-15)


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
    assert np.isfinite(g.array).all()


@pytest.mark.parametrize("kind", ["value", "slope"])
def test_half_precision_rounds_once(activation, kind):
    fn, _, inputs = activation
    x = np.array(inputs, np.float16)
    half = slopes(fn, x, np.float16)[kind == "slope"]
    exact = slopes(fn, x, np.float64)[kind == "slope"]
    # The slope may start from a rounded y, whose error it hands on.
    np.testing.assert_allclose(half, exact, rtol=1e-3, atol=1e-3 if kind == "slope" else 1e-6)
    assert half.dtype == np.float16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_give_the_limits_without_a_warning(activation, dtype):
    fn, _, _ = activation
    big = 1e30
    y, slope = slopes(fn, [-big, big], dtype)
    assert y.dtype == slope.dtype == dtype
    name_has_limit = np.isfinite(y).all() and np.isfinite(slope).all()
    assert name_has_limit
    assert np.abs(slope[0] - np.array([0, dtype(0.2), 1])).min() < 1e-20
    assert 0 <= slope[1] <= dtype(1.1)


def test_dtype_stays(activation):
    fn, _, inputs = activation
    y, slope = slopes(fn, inputs, np.float32)
    assert y.dtype == slope.dtype == np.float32


def test_nan_stays_nan(activation):
    fn, _, _ = activation
    assert np.isnan(fn(Tensor(np.array([np.nan]))).array).all()


def test_an_empty_tensor_stays_empty(activation):
    fn, _, _ = activation
    assert fn(Tensor(np.zeros((0, 3)))).shape == (0, 3)


TAKE_INTEGERS = ("relu6", "hardtanh", "threshold", "softsign", "tanhshrink")


def test_integers_are_refused(request, activation):
    fn, _, _ = activation
    if request.node.callspec.params["activation"] in TAKE_INTEGERS:
        pytest.skip("PyTorch takes them")
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
    y = F.selu(Tensor(x)).array
    assert abs(y.mean()) < 0.01 and abs(y.var() - 1) < 0.02


def test_scaled_tanh_is_1_at_1():
    np.testing.assert_allclose(
        F.scaled_tanh(Tensor(np.array([-1.0, 1.0]))).array, [-1, 1], atol=1e-4
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
    np.testing.assert_allclose(F.prelu(*inputs).array, np.where(x > 0, x, along * x))
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


@pytest.mark.parametrize("name", [n for n in TAKE_INTEGERS if n != "threshold"])
@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_integers_are_taken_where_pytorch_takes_them(name, dtype):
    torch = pytest.importorskip("torch")
    x = np.arange(-3, 9).astype(dtype)
    y, their_y = getattr(F, name)(Tensor(x)), getattr(torch.nn.functional, name)(torch.tensor(x))
    np.testing.assert_allclose(y.array, their_y.numpy(), rtol=1e-6)
    assert y.dtype == their_y.numpy().dtype


IN_PLACE = [
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardsigmoid",
    "hardswish", "hardtanh",
]  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_inplace_is_taken_and_leaves_the_input_alone(name):
    x = Tensor(np.linspace(-4, 4, 9))
    y = getattr(F, name)(x, inplace=True)
    np.testing.assert_array_equal(y.array, getattr(F, name)(x).array)
    np.testing.assert_array_equal(x.array, np.linspace(-4, 4, 9))


@pytest.mark.parametrize("beta", [-2, -1, 0.5, 1, 10])
@pytest.mark.parametrize("threshold", [-100, -1, 0, 1, 20, 80])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_softplus_is_linear_wherever_beta_x_exceeds_the_threshold(beta, threshold, dtype):
    torch = pytest.importorskip("torch")
    values = [-1e4, -100, -20, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1, 20, 20.1, 100, 1e4]
    x = np.array([*values, np.inf, -np.inf, np.nan], dtype)
    their_x = torch.tensor(x, requires_grad=True)
    their_y = torch.nn.functional.softplus(their_x, beta, threshold)
    their_y.sum().backward()
    y, slope = slopes(lambda x: F.softplus(x, beta, threshold), x, dtype)
    tolerance = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-12}[dtype]
    limits = {"rtol": tolerance, "atol": tolerance * 1e-2}
    np.testing.assert_allclose(y, their_y.detach().numpy(), **limits)
    np.testing.assert_allclose(slope, their_x.grad.numpy(), **limits)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.hardtanh(x, 2, 1), ValueError, "^hardtanh: min_val=2 must not exceed"),
        (lambda x: F.hardtanh(x > 0), TypeError, "^hardtanh: input has dtype bool"),
        (lambda x: F.softshrink(x, -1), ValueError, "^softshrink: lambd=-1 must not be neg"),
        (lambda x: F.celu(x, 0), ValueError, "^celu: alpha=0 must not be 0"),
        (F.glu, ValueError, "^glu: size 3 of axis -1 must be even"),
        (lambda x: F.glu(x, 1), IndexError, "^glu: dim=1 must lie in"),
        (lambda x: F.normalize(x.long(), dim=0), TypeError, "^normalize: input of dtype int64"),
        (lambda x: F.relu6(x > 0), TypeError, "^relu6: input has dtype bool"),
        (lambda x: F.threshold(x > 0, 1, 2), TypeError, "^threshold: input has dtype bool"),
        (lambda x: F.relu(x, out=x), TypeError, "out"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(Tensor(np.zeros(3)))


def test_softplus_refuses_beta_0():
    with pytest.raises(ValueError, match=r"^softplus: beta=0 must not be 0"):
        F.softplus(Tensor(np.zeros(3)), beta=0)


@pytest.mark.parametrize("name", ["relu", "relu6", "leaky_relu", "silu"])
def test_an_activation_makes_no_array_for_its_backward(name):
    x = leaf(np.ones((100, 100)))
    y = getattr(F, name)(x)
    (kept,) = y._node.saved_tensors
    assert (kept.array is x.array or kept.array is y.array) and not y._node.kept


def test_the_slopes_of_rrelu_are_drawn_for_each_element_between_its_bounds_and_are_its_gradient():
    mt.manual_seed(0)
    x = mt.tensor(np.full((50, 40), -2.0), requires_grad=True)
    y = F.rrelu(x, 0.25, 0.75, training=True)
    y.sum().backward()
    slopes = y.array / -2
    assert slopes.min() >= 0.25 and slopes.max() < 0.75 and len(np.unique(slopes)) > 1990
    np.testing.assert_allclose(slopes.mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(x.grad.array, slopes)
    mt.manual_seed(0)
    np.testing.assert_array_equal(F.rrelu(x, 0.25, 0.75, training=True).array, y.array)


def test_rrelu_refuses_bounds_in_the_wrong_order():
    with pytest.raises(ValueError, match=r"rrelu: lower=0.5 must not exceed upper=0.25"):
        F.rrelu(mt.ones(2), 0.5, 0.25)
