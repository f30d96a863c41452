"""Reductions: ties, NaNs, infinities, empties, dtypes, axes, against PyTorch."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import assert_same, compare, dtype_in, outcome

NAN, INF = np.nan, np.inf

ODDITIES = {
    "ties": [[1.0, 3, 3], [2, 2, 2]],
    "nan": [[NAN, 1, NAN], [1, NAN, 2]],
    "infinities": [[INF, -INF, 1], [-INF, -INF, -INF]],
    "zeros": [[0.0, 2, 3], [0, 0, 3]],
    "negative zero": [[0.0, -0.0, -0.0], [-0.0, 0.0, 0.0]],
    "large": [[1e10, 1e18, 3e18], [-1e18, 1e-18, 0]],
    "one": [[4.0]],
    "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((2, 0)),
}
REDUCTIONS = {
    "sum": lambda m, x, d: m.sum(x, d),
    "mean": lambda m, x, d: m.mean(x, d),
    "prod": lambda m, x, d: m.prod(x, d),
    "amax": lambda m, x, d: m.amax(x, d),
    "amin": lambda m, x, d: m.amin(x, d),
    "max": lambda m, x, d: tuple(m.max(x, d)),
    "min": lambda m, x, d: tuple(m.min(x, d)),
    "argmax": lambda m, x, d: m.argmax(x, d),
    "argmin": lambda m, x, d: m.argmin(x, d),
    "any": lambda m, x, d: m.any(x, d),
    "all": lambda m, x, d: m.all(x, d),
    "var": lambda m, x, d: m.var(x, d),
    "std": lambda m, x, d: m.std(x, d, correction=0),
    "norm": lambda m, x, d: m.norm(x, dim=d),
    "logsumexp": lambda m, x, d: m.logsumexp(x, d),
    "softmax": lambda m, x, d: m.softmax(x, d),
    "log_softmax": lambda m, x, d: m.log_softmax(x, d),
    "cumsum": lambda m, x, d: m.cumsum(x, d),
}
ALL_AXES = {
    "sum": lambda m, x: m.sum(x),
    "mean": lambda m, x: m.mean(x),
    "prod": lambda m, x: m.prod(x),
    "amax": lambda m, x: m.amax(x),
    "max": lambda m, x: m.max(x),
    "min": lambda m, x: m.min(x),
    "argmax": lambda m, x: m.argmax(x),
    "argmin, kept": lambda m, x: m.argmin(x, keepdim=True),
    "any": lambda m, x: m.any(x),
    "all": lambda m, x: m.all(x),
    "var": lambda m, x: m.var(x),
    "std": lambda m, x: m.std(x),
    "norm": lambda m, x: m.norm(x),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*degrees of freedom")


@pytest.mark.parametrize("data", ODDITIES)
@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_values_of_odd_inputs(name, dim, data, torch):
    compare(torch, lambda m, x: REDUCTIONS[name](m, x, dim), np.array(ODDITIES[data], np.float32))


@pytest.mark.parametrize("data", ODDITIES)
@pytest.mark.parametrize("name", ALL_AXES)
def test_values_of_odd_inputs_over_all_axes(name, data, torch):
    compare(torch, ALL_AXES[name], np.array(ODDITIES[data], np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "int64", "bool", "float16", "float64"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_dtypes(name, dtype, torch):
    if name in ("softmax", "log_softmax") and dtype not in ("float16", "float64"):
        pytest.skip("PyTorch refuses integers here, the default float type is as good an answer")
    if name in ("argmax", "argmin", "amax", "amin", "max", "min") and dtype == "bool":
        pytest.skip("PyTorch knows some of these for bool and not others")
    data = np.array([[3, 1, 2], [0, 1, 1]]).astype(dtype)
    compare(torch, lambda m, x: REDUCTIONS[name](m, x, 1), data, rtol=2e-3)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dim", [2, -3, (0, 0), (0, 1), ()])
def test_axes_that_do_not_exist_or_come_in_numbers(name, dim, torch):
    if name in ("prod", "max", "min", "argmax", "argmin", "any", "all", "cumsum", "softmax",
                "log_softmax") and isinstance(dim, tuple):  # fmt: skip
        pytest.skip("one axis only in PyTorch")
    if name == "logsumexp" and dim == ():
        pytest.skip("PyTorch fails with an internal message")
    compare(torch, lambda m, x: REDUCTIONS[name](m, x, dim), [[3.0, 1, 2], [0, 1, 1]])


GRADIENTS_AT = {
    "max of ties": (lambda m, x: m.max(x, 1).values, [[1.0, 3, 3], [2, 2, 2]]),
    "max of all": (lambda m, x: m.max(x), [[3.0, 1, 3]]),
    "max with a nan": (lambda m, x: m.max(x, 1).values, [[NAN, 1, NAN], [1, NAN, 2]]),
    "min of all nans": (lambda m, x: m.min(x), [[NAN, 1, NAN]]),
    "amax of ties": (lambda m, x: m.amax(x, 1), [[1.0, 3, 3], [2, 2, 2]]),
    "std of equals": (lambda m, x: m.std(x, 1), [[2.0, 2, 2], [1, 2, 3]]),
    "prod with a zero": (lambda m, x: m.prod(x, 1), [[0.0, 2, 3], [1, 2, 3]]),
    "prod with zeros": (lambda m, x: m.prod(x, 1), [[0.0, 0, 3], [0, 0, 0]]),
    "prod of all": (lambda m, x: m.prod(x), [[0.0, 2, 3]]),
    "logsumexp": (lambda m, x: m.logsumexp(x, 1), [[-INF, 1, 2], [1, 2, -INF]]),
    "logsumexp of -inf": (lambda m, x: m.logsumexp(x, 1), [[-INF, -INF]]),
    "logsumexp of inf": (lambda m, x: m.logsumexp(x, 1), [[INF, 1], [1000.0, 1001]]),
    "softmax with -inf": (lambda m, x: m.softmax(x, 1) ** 2, [[-INF, 1, 2]]),
    "softmax of -inf": (lambda m, x: m.softmax(x, 1) ** 2, [[-INF, -INF]]),
    "log_softmax": (lambda m, x: m.log_softmax(x, 1), [[-1000.0, 0, 1000]]),
    **{f"norm {p} at 0": (lambda m, x, p=p: m.norm(x, p, dim=1), [[0.0, 0], [0, 2], [-2, 2]])
       for p in (0.5, 1, 1.5, 2, 3, INF, -INF)},
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS_AT)
def test_gradients_at_ties_zeros_and_infinities(name, torch):
    fn, data = GRADIENTS_AT[name]

    def run(m, x):
        x.requires_grad_()
        y = fn(m, x)
        y.backward(m.arange(1, y.numel() + 1, dtype=m.float64).reshape(y.shape))
        return [y, x.grad]

    compare(torch, run, data, rtol=1e-9)


def test_long_products_have_gradients_in_linear_memory():
    x = Tensor(np.ones(20_000), requires_grad=True)
    x.prod().backward()
    np.testing.assert_array_equal(x.grad.array, 1)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, INF, -INF, -1])
def test_norms_of_every_order(p, torch):
    compare(torch, lambda m, x: m.norm(x, p, dim=1), [[0.0, 3, -4], [1, 2, 2]])
    compare(torch, lambda m, x: m.norm(x, p), [[5.0, 3, -4], [1, 2, 2]])


@pytest.mark.parametrize("correction", [0, 1, 2, 5])
def test_variance_of_any_correction(correction, torch):
    compare(torch, lambda m, x: m.var(x, 1, correction=correction), [[1.0, 3, 4], [1, 2, 2]])


def test_half_precision_sums_do_not_overflow_or_stall(torch):
    for fn in (lambda m, x: m.mean(x), lambda m, x: m.sum(x, 0), lambda m, x: m.cumsum(x, 0)):
        compare(torch, fn, np.full((4096, 2), 16.0, np.float16))
    compare(
        torch, lambda m, x: m.var(x), np.full(10, 300, np.float16) * np.arange(10, dtype=np.float16)
    )


DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", DTYPES)
def test_sums_and_products_in_another_dtype_are_of_it_and_wrap_around(given, dtype, torch):
    data = np.array([[100, 0, 2], [60, 3, 1]]).astype(given)
    for call in (
        lambda m, x: m.sum(x, dtype=dtype_in(m, dtype)),
        lambda m, x: x.sum(0, True, dtype=dtype_in(m, dtype)),
        lambda m, x: m.prod(x, dtype=dtype_in(m, dtype)),
        lambda m, x: x.prod(0, dtype=dtype_in(m, dtype)),
        lambda m, x: x.cumsum(1, dtype=dtype_in(m, dtype)),
    ):
        if dtype == "bool" and call(mt, Tensor(data)).ndim == 2 and data.ndim == 2:
            continue  # PyTorch has no running sum of booleans
        compare(torch, call, data)


def test_floats_are_cut_off_before_they_add_up_as_integers(torch):
    for call in (
        lambda m, x: x.sum(dtype=m.int32),
        lambda m, x: x.prod(dtype=m.int64),
        lambda m, x: x.cumsum(0, dtype=m.uint8),
    ):
        compare(torch, call, [2.7, 3.7, 100.5])


def test_the_sum_has_the_dtype_asked_for_by_arithmetic():
    x = mt.tensor([200, 100])
    assert x.sum(dtype=mt.uint8).item() == 300 % 256
    assert x.prod(dtype=mt.uint8).item() == 20000 % 256
    assert x.cumsum(0, dtype=mt.uint8).tolist() == [200, 44]
    assert mt.ones(3).sum(dtype=mt.int32).dtype == mt.int32
    assert mt.ones(3, dtype=mt.bool_).sum(dtype=mt.uint8).tolist() == 3


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum"])
def test_gradients_flow_through_the_cast_to_another_dtype(name, torch):
    def run(m, x):
        x.requires_grad_()
        args = (0,) if name == "cumsum" else ()
        y = getattr(x, name)(*args, dtype=m.float64)
        y.sum().backward()
        return [y, x.grad]

    compare(torch, run, np.array([1.5, 2, 3], np.float32))


@pytest.mark.parametrize(
    "name", ["sum", "mean", "prod", "cumsum", "softmax", "log_softmax", "norm"]
)
def test_dtypes_that_are_none_of_ours_are_refused_by_name(name):
    x, args = mt.ones(2, 2), () if name in ("sum", "mean", "prod", "norm") else (0,)
    with pytest.raises(TypeError, match=f"^{name}: dtype=complex64 must be one of"):
        getattr(x, name)(*args, dtype="complex64")


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize(
    "name", ["sum", "mean", "amax", "var", "norm", "logsumexp", "argmax", "any"]
)
def test_keepdim_over_one_and_several_axes(name, keepdim, torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    dims = [0, -1] if name in ("argmax", "any") else [0, -1, (0, 2), (-1, 1)]
    for dim in dims:
        compare(torch, lambda m, t, dim=dim: getattr(m, name)(t, dim=dim, keepdim=keepdim), x)


@pytest.mark.parametrize("dim", [(), [], (0,), (0, 1), [1, -2], (0, 0), 2, 1.5])
@pytest.mark.parametrize("dtype", ["float32", "bool", "uint8"])
@pytest.mark.parametrize("name", ["any", "all"])
def test_truth_along_several_axes_or_none(name, dtype, dim, torch):
    for data in ([[3, 0, 2], [1, 1, 1]], np.zeros((2, 0))):
        for keepdim in (False, True):
            compare(
                torch,
                lambda m, x: getattr(m, name)(x, dim, keepdim),  # noqa: B023
                np.array(data).astype(dtype),
            )


@pytest.mark.parametrize("dim", [1, -2, 1.5, (0,), True])
@pytest.mark.parametrize("name", ["max", "min", "argmax", "cumsum", "softmax"])
def test_a_number_has_no_axis_but_the_first(name, dim):
    for good in (0, -1):
        getattr(mt, name)(mt.tensor(3.0), good)
    with pytest.raises((IndexError, TypeError), match=f"^{name}: dim="):
        getattr(mt, name)(mt.tensor(3.0), dim)


def test_max_and_min_of_two_tensors_are_elementwise(torch):
    for name, (a, b) in itertools.product(
        ("max", "min"), [([1.0, 5], [3.0, 2]), ([NAN, 1], [1, NAN])]
    ):
        compare(torch, lambda m, x, y, name=name: getattr(m, name)(x, y), a, b)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.zeros(2, 3).sum(2), IndexError, r"^sum: dim=2 must lie in \[-2, 1\]"),
        (
            lambda: mt.zeros(2, 3).sum((0, 0)),
            RuntimeError,
            r"^sum: dim=\(0, 0\) names an axis twice",
        ),
        (lambda: mt.arange(3).mean(), TypeError, "^mean: input has dtype int64, must be floating"),
        (lambda: mt.arange(3).var(), TypeError, "^var: input has dtype int64, must be floating"),
        (lambda: mt.arange(3).std(), TypeError, "^std: input has dtype int64, must be floating"),
        (lambda: mt.arange(3).norm(), TypeError, "^norm: input has dtype int64, must be floating"),
        (
            lambda: mt.zeros(0).amax(),
            IndexError,
            r"^amax: the tensor of shape \(0,\) has no elements",
        ),
        (
            lambda: mt.zeros(0).amin(),
            IndexError,
            r"^amin: the tensor of shape \(0,\) has no elements",
        ),
        (lambda: mt.zeros(0).argmax(), IndexError, r"^argmax: the tensor of shape \(0,\) has no"),
        (lambda: mt.zeros(2).softmax(1), IndexError, "^softmax: dim=1 must lie in"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_pair_of_values_and_indices_has_names():
    values, indices = result = mt.tensor([[1.0, 3], [4, 2]]).max(1)
    assert result.values is values and result.indices is indices
    assert_same(
        outcome(lambda: [values, indices]), [np.array([3, 4], np.float32), np.array([1, 0])]
    )
