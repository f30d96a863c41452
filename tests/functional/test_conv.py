"""Convolutions: gradients of both orders over the whole geometry, and what they refuse."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minitorch_cnn.functional.conv as conv_module
from minitorch_cnn import devices
from minitorch_cnn import functional as F
from minitorch_cnn.autograd import grad
from minitorch_cnn.kernels.conv2d import checks
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import assert_differentiable_twice, convolutions, leaves
from tests.functional.refusals import assert_refused

PRODUCTS = ["conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad"]


@pytest.mark.parametrize(
    "function, drawn",
    [
        (F.conv2d, convolutions(extra=1, batch=(1, 2))),
        (F.conv_transpose2d, convolutions(transposed=True, extra=1, batch=(1, 2))),
        (F.conv1d, convolutions(spatial=1, batch=(1, 2))),
        (F.conv_transpose1d, convolutions(spatial=1, transposed=True, batch=(1, 2))),
    ],
)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_convolution_has_the_gradients_of_its_slopes(function, drawn, data):
    arrays, geometry = data.draw(drawn)
    assert_differentiable_twice(lambda x, w, b: function(x, w, b, **geometry), *arrays)


@settings(max_examples=20, deadline=None)
@given(convolutions(extra=1, batch=(1, 2)))
def test_a_relu_in_the_same_pass_is_a_relu_after_it(drawn):
    arrays, geometry = drawn
    tensors = [None if array is None else Tensor(array) for array in arrays]
    apart = F.conv2d(*tensors, **geometry)
    together = F.conv2d_relu(*tensors, **geometry)
    np.testing.assert_allclose(together.array, F.relu(apart).array, rtol=1e-12, atol=1e-12)
    assume(np.abs(apart.array).min() > 1e-3)  # off the kink
    assert_differentiable_twice(lambda x, w, b: F.conv2d_relu(x, w, b, **geometry), *arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 40])
def test_a_relu_in_the_same_pass_lets_nan_through(channels, dtype):
    x, w = np.ones((2, channels, 20, 20), dtype), np.ones((40, channels, 3, 3), dtype)
    x[1, 0, 5, 5] = np.nan
    y = F.conv2d_relu(Tensor(x), Tensor(w), padding=1).array
    assert np.isnan(y[1, :, 4:7, 4:7]).all() and np.isfinite(y[0]).all()


@settings(max_examples=40, deadline=None)
@given(convolutions(batch=(1, 2)), st.integers(0, 2**32 - 1))
def test_conv_transpose2d_is_the_adjoint_of_conv2d(drawn, seed):
    (x, w, _), geometry = drawn
    assume(not isinstance(geometry["padding"], str))
    y = F.conv2d(Tensor(x), Tensor(w), **geometry)
    v = np.random.default_rng(seed).standard_normal(y.shape)

    s, p, d = (np.array(geometry[key]) for key in ("stride", "padding", "dilation"))
    unused = (np.array(x.shape[-2:]) + 2 * p - d * (np.array(w.shape[2:]) - 1) - 1) % s
    back = F.conv_transpose2d(
        Tensor(v), Tensor(w), output_padding=tuple(unused.tolist()), **geometry
    )
    np.testing.assert_allclose((back.array * x).sum(), (y.array * v).sum(), rtol=1e-9, atol=1e-9)


def test_same_padding_of_an_even_kernel_is_larger_at_the_bottom_and_right():
    x = Tensor(np.arange(12.0).reshape(1, 1, 3, 4))
    w = Tensor(np.ones((1, 1, 2, 2)))
    padded = Tensor(np.pad(x.array, [(0, 0), (0, 0), (0, 1), (0, 1)]))
    same = F.conv2d(x, w, padding="same")
    np.testing.assert_array_equal(same.array, F.conv2d(padded, w).array)


def test_an_empty_batch_gives_an_empty_output_and_zero_weight_gradients():
    x, w, b = leaves((np.zeros((0, 2, 5, 5)), np.ones((4, 2, 3, 3)), np.ones(4)))
    y = F.conv2d(x, w, b, stride=2)
    assert y.shape == (0, 4, 2, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(w.grad.array, np.zeros(w.shape))
    np.testing.assert_array_equal(b.grad.array, np.zeros(4))


def test_float32_stays_float32_forward_and_backward():
    x, w, b = leaves(np.ones(s, np.float32) for s in [(1, 1, 4, 4), (2, 1, 3, 3), (2,)])
    y = F.conv2d(x, w, b)
    y.sum().backward()
    assert {t.dtype for t in (y, x.grad, w.grad, b.grad)} == {np.dtype("float32")}


def test_non_contiguous_and_reversed_arrays_give_what_their_copies_give():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 6, 3, 2)).transpose(3, 2, 0, 1)[:, ::-1, ::-1]
    w = rng.standard_normal((3, 3, 3, 4)).T[::-1]
    y, of_copies = (F.conv2d(*map(Tensor, arrays)) for arrays in [(x, w), (x.copy(), w.copy())])
    np.testing.assert_allclose(y.array, of_copies.array, rtol=1e-12)


@pytest.fixture
def calls(monkeypatch):
    """The kernels' functions by name in the order of their calls."""
    names = []

    def counted(name):
        kernel = getattr(conv_module, name)

        def call(*args, **checked):
            names.append(name)
            return kernel(*args, **checked)

        return call

    for name in (*PRODUCTS, "conv2d_gradients"):
        monkeypatch.setattr(conv_module, name, counted(name))
    return names


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_first_layers_input_gradient_is_never_computed(elsewhere, calls, monkeypatch):
    """Where some tensors are on a device, one call asks for both gradients."""
    monkeypatch.setattr(devices, "elsewhere", elsewhere)
    images = Tensor(np.ones((1, 1, 6, 6)))
    w1, w2 = leaves((np.ones((2, 1, 3, 3)), np.ones((2, 2, 3, 3))))
    F.conv2d(F.conv2d(images, w1), w2).sum().backward()
    both = ["conv2d_gradients"] if elsewhere else PRODUCTS[1:]
    assert calls == [PRODUCTS[0]] * 2 + both + PRODUCTS[2:]


def test_a_frozen_weights_gradient_is_never_computed(calls):
    (x,) = leaves((np.ones((1, 1, 6, 6)),))
    F.conv2d(x, Tensor(np.ones((2, 1, 3, 3)))).sum().backward()
    assert calls == PRODUCTS[:2]


def test_a_bias_alone_costs_no_product_backward(calls):
    (b,) = leaves((np.ones(2),))
    F.conv2d(Tensor(np.ones((1, 1, 6, 6))), Tensor(np.ones((2, 1, 3, 3))), b).sum().backward()
    assert calls == PRODUCTS[:1]


def test_a_transposed_layers_input_gradient_is_computed_only_if_wanted(calls):
    (w,) = leaves((np.ones((1, 2, 3, 3)),))
    F.conv_transpose2d(Tensor(np.ones((1, 1, 6, 6))), w).sum().backward()
    assert calls == [PRODUCTS[1], PRODUCTS[2]]


def test_gradients_of_third_order_follow_from_the_closed_set():
    # y = w^2 x for 1 by 1 kernels: d3y / dw dw dx = 2
    x, w = leaves((np.full((1, 1, 1, 1), 3.0), np.full((1, 1, 1, 1), 5.0)))
    y = F.conv2d(F.conv2d(x, w), w)
    (gw,) = grad(y.sum(), (w,), create_graph=True)
    (gww,) = grad(gw.sum(), (w,), create_graph=True)
    (gwwx,) = grad(gww.sum(), (x,))
    assert (gw.item(), gww.item(), gwwx.item()) == (30.0, 6.0, 2.0)


def zeros(*shape, dtype="float32"):
    return Tensor(np.zeros(shape, dtype))


IMAGE, KERNEL = zeros(1, 4, 5, 5), zeros(6, 4, 3, 3)
SIGNAL, KERNEL1 = zeros(1, 4, 5), zeros(6, 4, 3)
KERNEL4, ODD = zeros(4, 6, 3, 3), zeros(3, 2, 3, 3)
SAME_STRIDE = {"padding": "same", "stride": 2}
BACK, BACK1 = F.conv_transpose2d, F.conv_transpose1d

# (function, arguments, settings, error, part of its message)
REFUSED = {
    "channels": (F.conv2d, (zeros(1, 3, 5, 5), KERNEL), {}, ValueError, "in_channels=3"),
    "groups, in": (F.conv2d, (IMAGE, KERNEL), {"groups": 3}, ValueError, "divide in_channels=4"),
    "groups, out": (F.conv2d, (IMAGE, ODD), {"groups": 2}, ValueError, "groups=2 must divide"),
    "groups, weight": (F.conv2d, (IMAGE, KERNEL), {"groups": 2}, ValueError, "groups=2 needs 8"),
    "groups zero": (F.conv2d, (IMAGE, KERNEL), {"groups": 0}, ValueError, "groups=0"),
    "groups float": (F.conv2d, (IMAGE, KERNEL), {"groups": 1.0}, TypeError, "groups=1.0"),
    "stride zero": (F.conv2d, (IMAGE, KERNEL), {"stride": 0}, ValueError, "stride=0"),
    "stride negative": (F.conv2d, (IMAGE, KERNEL), {"stride": (1, -1)}, ValueError, "(1, -1)"),
    "stride triple": (F.conv2d, (IMAGE, KERNEL), {"stride": (1, 1, 1)}, TypeError, "(1, 1, 1)"),
    "stride float": (F.conv2d, (IMAGE, KERNEL), {"stride": 1.0}, TypeError, "stride=1.0"),
    "stride bool": (F.conv2d, (IMAGE, KERNEL), {"stride": True}, TypeError, "stride=True"),
    "dilation zero": (F.conv2d, (IMAGE, KERNEL), {"dilation": 0}, ValueError, "dilation=0"),
    "padding negative": (F.conv2d, (IMAGE, KERNEL), {"padding": -1}, ValueError, "padding=-1"),
    "padding word": (F.conv2d, (IMAGE, KERNEL), {"padding": "full"}, ValueError, "'full'"),
    "same, stride": (F.conv2d, (IMAGE, KERNEL), SAME_STRIDE, ValueError, "needs stride=1"),
    "kernel empty": (F.conv2d, (IMAGE, zeros(6, 4, 0, 3)), {}, ValueError, "(6, 4, 0, 3)"),
    "kernel large": (F.conv2d, (IMAGE, zeros(6, 4, 6, 3)), {}, ValueError, "more than the input"),
    "kernel spread": (F.conv2d, (IMAGE, KERNEL), {"dilation": 3}, ValueError, "spans (7, 7)"),
    "integer": (F.conv2d, (zeros(1, 4, 5, 5, dtype="int64"), KERNEL), {}, TypeError, "int64"),
    "mixed": (F.conv2d, (zeros(1, 4, 5, 5, dtype="float64"), KERNEL), {}, TypeError, "float64"),
    "mixed bias": (F.conv2d, (IMAGE, KERNEL, zeros(6, dtype="float64")), {}, TypeError, "bias"),
    "array": (F.conv2d, (np.zeros((1, 4, 5, 5)), KERNEL), {}, TypeError, "must be a Tensor"),
    "rank 2": (F.conv2d, (zeros(5, 5), zeros(6, 5, 3, 3)), {}, ValueError, "shape (5, 5)"),
    "rank 5": (F.conv2d, (zeros(1, 1, 4, 5, 5), KERNEL), {}, ValueError, "(1, 1, 4, 5, 5)"),
    "rank of weight": (F.conv2d, (IMAGE, KERNEL1), {}, ValueError, "weight of shape (6, 4, 3)"),
    "empty image": (F.conv2d, (zeros(1, 4, 0, 5), KERNEL), {"padding": 2}, ValueError, "empty"),
    "bias": (F.conv2d, (IMAGE, KERNEL, zeros(5)), {}, ValueError, "shape (5,) must be (6,)"),
    "bias of rank 2": (F.conv2d, (IMAGE, KERNEL, zeros(6, 1)), {}, ValueError, "shape (6, 1)"),
    "1d, rank": (F.conv1d, (zeros(1, 1, 4, 5), KERNEL1), {}, ValueError, "(N, C, L)"),
    "1d, weight": (F.conv1d, (SIGNAL, KERNEL), {}, ValueError, "weight of shape (6, 4, 3, 3)"),
    "1d, padding": (F.conv1d, (SIGNAL, KERNEL1), {"padding": (1, 1)}, TypeError, "(1, 1)"),
    "1d, kernel": (F.conv1d, (SIGNAL, KERNEL1), {"dilation": 3}, ValueError, "spans"),
    "back, channels": (BACK, (zeros(1, 3, 5, 5), KERNEL4), {}, ValueError, "in_channels=3"),
    "back, groups": (BACK, (IMAGE, KERNEL4), {"groups": 3}, ValueError, "groups=3"),
    "back, bias": (BACK, (IMAGE, KERNEL4, zeros(4)), {}, ValueError, "bias of shape (4,)"),
    "back, stride": (BACK, (IMAGE, KERNEL4), {"stride": 0}, ValueError, "stride=0"),
    "back, same": (BACK, (IMAGE, KERNEL4), {"padding": "same"}, TypeError, "padding='same'"),
    "back, more": (BACK, (IMAGE, KERNEL4), {"output_padding": 1}, ValueError, "output_padding=1"),
    "back, less": (BACK, (IMAGE, KERNEL4), {"output_padding": -1}, ValueError, "output_padding=-1"),
    "back, nothing": (BACK, (zeros(1, 4, 1, 1), KERNEL4), {"padding": 2}, ValueError, "(2, 2)"),
    "back, 1d": (BACK1, (SIGNAL, zeros(4, 6, 3)), {"stride": -1}, ValueError, "stride=-1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_the_functions_name_and_the_rule_as_by_torch(case, calls):
    assert_refused(*REFUSED[case])
    assert calls == []


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_a_convolution_and_its_gradients_are_checked_once(function, monkeypatch):
    checked = []
    monkeypatch.setattr(conv_module, "check_channels", lambda *args: checked.append(args[0]))
    monkeypatch.setattr(checks, "check_channels", lambda *args, **words: checked.append(args[0]))
    x, w = leaves((np.ones((1, 4, 5, 5)), np.ones((4, 4, 3, 3))))
    (gx,) = grad(function(x, w).sum(), (x,), create_graph=True)
    (gx * gx).sum().backward()
    assert checked == [function.__name__]
