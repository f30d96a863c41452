import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.batch_norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_statistics,
    batch_norm_training,
    vectorised,
)
from tests import oracle
from tests.kernels.implementation_check import (
    BATCH_NORM_CASES,
    BatchNormCase,
    agreement,
    assert_agrees_with_loops,
    other_implementations,
)

rng = np.random.default_rng(7)
EPS = 1e-3
IMPLEMENTATIONS = ["loops", *other_implementations("batch_norm")]


test_every_implementation_agrees_with_the_loops = agreement("batch_norm", BATCH_NORM_CASES)


def test_the_numpy_implementation_agrees_with_the_loops_for_any_block_size(monkeypatch):
    monkeypatch.setattr(vectorised, "BLOCK", 1)
    assert_agrees_with_loops(BatchNormCase((3, 5, 4, 2)), "numpy")


@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 4, 3)])
def test_the_loops_agree_with_an_independent_definition(shape):
    x, gy = rng.standard_normal((2, *shape))
    weight, bias = rng.standard_normal((2, shape[1]))
    with use("loops"):
        mean, var = batch_norm_statistics(x)
        invstd = 1 / np.sqrt(var + EPS)
        y = batch_norm_forward(x, weight, bias, mean, invstd)
        gradients = batch_norm_backward(gy, x, weight, bias, mean, invstd)
    assert np.allclose(y, oracle.batch_norm(x, weight, bias, EPS))
    inputs = [x, weight, bias]
    for position, gradient in enumerate(gradients):

        def varied(array, position=position):
            return oracle.batch_norm(*inputs[:position], array, *inputs[position + 1 :], EPS)

        assert np.allclose(gradient, oracle.slope(varied, inputs[position], gy), atol=1e-7)


@pytest.mark.parametrize("middle", [1e3, 3e5])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_statistics_are_exact_where_the_mean_dwarfs_the_deviation(implementation, middle):
    x = (middle + rng.standard_normal((4, 2, 6, 6))).astype(np.float32)
    exact = x.astype(np.float64)
    with use(implementation):
        mean, var = batch_norm_statistics(x)
    assert np.allclose(mean, exact.mean((0, 2, 3)), rtol=1e-7)
    assert np.allclose(var, exact.var((0, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_batch_norm_in_training_agrees_with_torch(implementation):
    torch = pytest.importorskip("torch")
    x = torch.randn(4, 3, 5, 2, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.randn(2, 3, dtype=torch.float64).unbind()
    weight.requires_grad_()
    bias.requires_grad_()
    y = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=EPS)
    gy = torch.randn_like(y)
    expected = torch.autograd.grad(y, (x, weight, bias), gy)
    x, weight, bias = (tensor.detach().numpy() for tensor in (x, weight, bias))
    with use(implementation):
        mean, var = batch_norm_statistics(x)
        invstd = 1 / np.sqrt(var + EPS)
        assert np.allclose(batch_norm_forward(x, weight, bias, mean, invstd), y.detach())
        for gradient, want in zip(
            batch_norm_backward(gy.numpy(), x, weight, bias, mean, invstd), expected, strict=True
        ):
            assert np.allclose(gradient, want)


@pytest.mark.parametrize("implementation", other_implementations("batch_norm"))
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((5, 4, 3, 2)).transpose(3, 2, 1, 0)[::-1, :, ::-1]
    mean, invstd = rng.standard_normal((2, 3))
    with use(implementation):
        for args in ((x, x, None, None, mean, invstd), (x[..., ::-1], x, mean, mean, mean, invstd)):
            copies = [arg if arg is None else arg.copy() for arg in args]
            for got, want in zip(
                batch_norm_backward(*args), batch_norm_backward(*copies), strict=True
            ):
                assert np.allclose(got, want)
        assert np.allclose(batch_norm_statistics(x).var, x.var((0, 2, 3)))


@pytest.mark.skipif("numba" not in IMPLEMENTATIONS, reason="Numba is not installed")
def test_results_are_bitwise_independent_of_the_number_of_threads():
    x = rng.standard_normal((3, 7, 63, 61)).astype(np.float32)
    weight, bias = rng.standard_normal((2, 7)).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        set_num_threads(count)
        with use("numba"):
            y, mean, var, _ = batch_norm_training(x, weight, bias, EPS, relu=True)
            invstd = 1 / np.sqrt(var + np.float32(EPS))
            back = batch_norm_backward(y, x, weight, bias, mean, invstd, relu=True)
        results.append([y, mean, var, *back])
    for one, two, three in zip(*results, strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, three)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_numpy_computes_dtypes_that_are_not_compiled(implementation):
    x = rng.standard_normal((3, 2, 4)).astype(np.longdouble)
    assert batch_norm_statistics(x).var.dtype == x.dtype
    if implementation == "numba" and np.longdouble != np.float64:
        with (
            use(implementation),
            pytest.raises(RuntimeError, match="implementation 'numba' cannot do"),
        ):
            batch_norm_statistics(x)


X, PER_CHANNEL = np.zeros((2, 3, 4)), np.zeros(3)


@pytest.mark.parametrize(
    ("function", "args", "error", "message"),
    [
        (batch_norm_statistics, (X[0, 0],), ValueError, "x must have at least 2 axes"),
        (batch_norm_statistics, (X.astype(int),), TypeError, "x must be floating point"),
        (
            batch_norm_forward,
            (X, np.zeros(2), None, PER_CHANNEL, PER_CHANNEL),
            ValueError,
            "weight has the shape",
        ),
        (
            batch_norm_backward,
            (X[:1], X, None, None, PER_CHANNEL, PER_CHANNEL),
            ValueError,
            "gy has the shape",
        ),
    ],
)
def test_invalid_arguments_are_refused_by_name(function, args, error, message):
    with pytest.raises(error, match=f"^{function.__name__}: {message}"):
        function(*args)
