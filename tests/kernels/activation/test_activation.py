"""Activations: every implementation against the loops, the loops against formulas and
differences.
"""

import math

import numpy as np
import pytest

from minitorch_cnn.kernels import activation, set_num_threads, use
from minitorch_cnn.kernels.activation import KINDS, activation_backward, activation_forward
from minitorch_cnn.kernels.cuda.array import has_compiler, to_emulator
from tests.kernels.implementation_check import (
    ACTIVATION_CASES,
    SETTINGS,
    agreement,
    other_implementations,
)

rng = np.random.default_rng(3)
FROM_OUTPUT = ("relu", "relu6", "sigmoid", "tanh")
FORMULAS = {
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "elu": lambda x: 1.05 * (x if x > 0 else 1.3 * (math.exp(x) - 1)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
}


test_every_implementation_agrees_with_the_loops = agreement("activation", ACTIVATION_CASES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loops_agree_with_a_formula_and_its_differences(kind):
    x = np.array([-4.3, -2.1, -0.4, 0.3, 1.7, 4.4, 7.2])
    gy, step = rng.standard_normal(x.shape), 1e-6
    settings, formula = SETTINGS.get(kind, ()), np.vectorize(FORMULAS[kind], otypes=[float])
    with use("loops"):
        y = activation_forward(x, kind, *settings)
        gx = activation_backward(gy, y if kind in FROM_OUTPUT else x, kind, *settings)
    np.testing.assert_allclose(y, formula(x), rtol=1e-12, atol=1e-14)
    slope = (formula(x + step) - formula(x - step)) / (2 * step)
    np.testing.assert_allclose(gx, gy * slope, atol=1e-8)


@pytest.mark.parametrize("implementation", other_implementations("activation"))
@pytest.mark.parametrize("kind", ["sigmoid", "tanh", "elu", "silu", "gelu"])
def test_small_values_keep_their_digits(kind, implementation):
    x = np.array([-9.0, -5.0, -1e-4, -1e-6, 1e-6, 1e-4], np.float32)
    settings = SETTINGS.get(kind, ())
    with use("loops"):
        expected = activation_forward(x.astype(np.float64), kind, *settings)
    with use(implementation):
        np.testing.assert_allclose(activation_forward(x, kind, *settings), expected, rtol=6e-6)


@pytest.mark.parametrize("implementation", other_implementations("activation"))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_large_and_infinite_inputs_give_the_limits(kind, dtype, implementation):
    if implementation == "numba" and dtype is np.float64 and kind in activation.EXPONENTIAL:
        pytest.skip("NumPy's")
    settings = SETTINGS.get(kind, ())
    x = np.array([-1e30, 1e30], dtype)
    with use(implementation):
        y = activation_forward(x, kind, *settings)
        kept = y if kind in FROM_OUTPUT else x
        gx = activation_backward(np.ones_like(x), kept, kind, *settings)
    left = {"leaky_relu": -0.2e30, "elu": -1.05 * 1.3, "tanh": -1}.get(kind, 0)
    right = {"relu6": 6, "elu": 1.05e30, "sigmoid": 1, "tanh": 1}.get(kind, 1e30)
    np.testing.assert_allclose(y, np.array([left, right], dtype), rtol=1e-6)
    bounded = kind in ("relu6", "sigmoid", "tanh")
    slopes = {"leaky_relu": 0.2}.get(kind, 0), {"elu": 1.05}.get(kind, 0 if bounded else 1)
    np.testing.assert_allclose(gx, slopes, rtol=1e-6, atol=1e-100)


@pytest.mark.parametrize("implementation", other_implementations("activation"))
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((5, 4, 3)).astype(np.float32).transpose(2, 0, 1)[::-1, :, ::2]
    with use(implementation):
        y = activation_forward(x, "silu")
        np.testing.assert_array_equal(y, activation_forward(x.copy(), "silu"))
        gx = activation_backward(y[::-1], x, "silu")
        np.testing.assert_array_equal(gx, activation_backward(y[::-1].copy(), x.copy(), "silu"))


def test_numpy_computes_small_arrays_and_the_exponentials_of_float64(monkeypatch):
    pytest.importorskip("numba")
    used = []
    choose = activation.OPERATOR.choose

    def note(case):
        module = choose(case)
        used.append(module.__name__.rsplit(".", 1)[1])
        return module

    monkeypatch.setattr(activation.OPERATOR, "choose", note)
    for kind, dtype, size, name in [
        ("relu", np.float32, activation.SMALL - 1, None),  # NumPy, without a choice
        ("relu", np.float64, activation.SMALL, "compiled"),
        ("silu", np.float32, activation.SMALL, "compiled"),
        ("silu", np.float64, activation.SMALL, "vectorised"),
    ]:
        x = np.zeros(size, dtype)
        activation_backward(x, activation_forward(x, kind), kind)
        assert used == ([name] * 2 if name else [])
        used.clear()
    with use("loops"):
        activation_forward(np.zeros(3), "relu")
    assert used == ["loops"]


@pytest.mark.parametrize("implementation", other_implementations("activation"))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "kept"),
    [("relu", [0, 2, 0, 3]), ("relu6", [0, 2, 6, 3]), ("hardswish", [-3, 2, -np.inf, 4])],
)
def test_no_infinite_gradient_passes_where_the_slope_is_zero(kind, kept, dtype, implementation):
    if dtype is np.float16 and implementation != "numpy":
        pytest.skip("NumPy's")
    kept, gy = np.array(kept, dtype), np.full(4, np.inf, dtype)
    with use(implementation):
        gx = activation_backward(gy, kept, kind)
    assert gx.dtype == dtype
    np.testing.assert_array_equal(gx, [0, np.inf, 0, np.inf])


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    pytest.importorskip("numba")
    x = rng.standard_normal(100_003, dtype=np.float32)
    results = []
    for count in (1, 2, 5):
        set_num_threads(count)
        with use("numba"):
            results.append(activation_forward(x, "gelu"))
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_invalid_arguments_are_refused_by_name():
    x = np.zeros(3)
    with pytest.raises(ValueError, match=r"^activation_forward: kind='swish' must be one of relu"):
        activation_forward(x, "swish")
    with pytest.raises(ValueError, match=r"^activation_forward: elu has 2 settings, not 1"):
        activation_forward(x, "elu", 1.0)
    with pytest.raises(ValueError, match=r"^activation_backward: gy has the shape \(2,\), kept"):
        activation_backward(x[:2], x, "relu")


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 5), (2, 8), (0, 4), ()])
def test_a_relu_of_a_sum_is_one_kernel_forward_and_backward(shape, dtype):
    a, b, gy, other = rng.standard_normal((4, *shape)).astype(dtype)
    if shape == (3, 5):
        a[0, 0], b[0, 1], a[1, 1], b[1, 1] = np.nan, np.inf, -1, 1
    there = [to_emulator(np.asarray(x)) for x in (a, b, gy, other)]
    assert activation.on_one_device(*there[:2])
    y = activation.relu_of_sum(*there[:2])
    expected = np.where(a + b <= 0, 0, a + b)
    np.testing.assert_array_equal(y.get(), expected)
    gx = activation.relu_backward_of_sum(*there[2:], y)
    np.testing.assert_array_equal(gx.get(), np.where(expected <= 0, 0, gy + other))
    assert y.dtype == gx.dtype == dtype and y.shape == gx.shape == shape


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_the_kernels_of_a_relu_of_a_sum_read_views_and_refuse_mixtures():
    a, b = (to_emulator(rng.standard_normal((4, 6)).astype(np.float32)) for _ in range(2))
    y = activation.relu_of_sum(a[:, ::2], b.T[:3].T)
    np.testing.assert_array_equal(y.get(), np.maximum(a.get()[:, ::2] + b.get().T[:3].T, 0))
    assert not activation.on_one_device(a, b.get()) and not activation.on_one_device(a, b[0])
    assert not activation.on_one_device(a.get(), b.get())
    assert not activation.on_one_device(a, b.astype(np.float64))
    assert not activation.on_one_device(a.astype(np.float16), b.astype(np.float16))
    with use("numpy"):
        assert not activation.on_one_device(a, b)


@pytest.mark.parametrize("dtype", ["f", "d", "e", ">f4"])
@pytest.mark.parametrize("shape", [(), (511,), (512,), (64, 9), (2**14,), (2**14 + 1,)])
def test_relu_of_any_size_layout_and_dtype_is_its_definition(shape, dtype):
    x = np.asarray(rng.standard_normal(shape)).astype(dtype)
    if x.size > 1:
        x.flat[:2] = np.nan, -np.inf
    for array in (x, x.T, x[..., ::-1] if x.ndim else x):
        y = activation_forward(array, "relu")
        np.testing.assert_array_equal(y, np.where(array <= 0, 0, array))
        assert y.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_relu_of_a_large_sum_is_one_kernel_on_the_host(dtype):
    a, b, gy, other = rng.standard_normal((4, 3, 5 * activation.SMALL)).astype(dtype)
    a[0, 0], b[0, 1], a[1, 1], b[1, 1] = np.nan, np.inf, -1, 1
    strided = np.repeat(b, 2, axis=1)[:, ::2]
    assert activation.added_at_once(a, b) and activation.added_at_once(a, strided)
    expected = np.where(a + b <= 0, 0, a + b)
    for second in (b, strided):
        y = activation.relu_of_sum(a, second)
        np.testing.assert_array_equal(y, expected)
    gx = activation.relu_backward_of_sum(gy, other, y)
    np.testing.assert_array_equal(gx, np.where(expected <= 0, 0, gy + other))
    assert y.dtype == gx.dtype == dtype


def test_sums_that_are_small_mixed_or_of_another_dtype_are_not_added_at_once():
    a = np.ones((2, activation.SMALL), np.float32)
    assert activation.added_at_once(a, a)
    small, half, swapped = a[:, :5], a.astype(np.float16), a.astype(">f4")
    for x, y in ((small, small), (a, a[0]), (a, a.astype(np.float64)), (half, half)):
        assert not activation.added_at_once(x, y)
    assert not activation.added_at_once(swapped, swapped)
    with use("numpy"):
        assert not activation.added_at_once(a, a)
