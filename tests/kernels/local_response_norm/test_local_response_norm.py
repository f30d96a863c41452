import numpy as np
import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.local_response_norm import (
    local_response_norm_backward,
    local_response_norm_forward,
)
from tests import oracle
from tests.kernels.implementation_check import (
    LOCAL_RESPONSE_NORM_CASES,
    agreement,
    other_implementations,
)

rng = np.random.default_rng(7)
IMPLEMENTATIONS = ["loops", *other_implementations("local_response_norm")]


test_every_implementation_agrees_with_the_loops = agreement(
    "local_response_norm", LOCAL_RESPONSE_NORM_CASES
)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_the_loops_agree_with_an_independent_definition(size):
    x, gy = rng.standard_normal((2, 2, 5, 2, 3))
    settings = size, 0.9, 0.75, 1.5
    with use("loops"):
        y = local_response_norm_forward(x, *settings)
        gx = local_response_norm_backward(gy, x, *settings)
    assert np.allclose(y, oracle.local_response_norm(x, *settings))
    slope = oracle.slope(lambda x: oracle.local_response_norm(x, *settings), x, gy)
    assert np.allclose(gx, slope, atol=1e-7)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("size", [2, 5])
def test_local_response_norm_agrees_with_torch(implementation, size):
    torch = pytest.importorskip("torch")
    settings = size, 0.9, 0.75, 1.5
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.local_response_norm(x, *settings)
    gy = torch.randn_like(y)
    (gx,) = torch.autograd.grad(y, x, gy)
    with use(implementation):
        assert np.allclose(local_response_norm_forward(x.detach().numpy(), *settings), y.detach())
        result = local_response_norm_backward(gy.numpy(), x.detach().numpy(), *settings)
    assert np.allclose(result, gx)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_large_value_leaves_no_trace_beyond_its_window(implementation):
    x = np.ones((1, 8, 1, 1), np.float32)
    x[0, 0] = 1e6
    with use(implementation):
        y = local_response_norm_forward(x, 3, 1.0, 0.75, 1.0)
        x[0, 0] = np.inf
        with np.errstate(all="ignore"):
            after_infinity = local_response_norm_forward(x, 3, 1.0, 0.75, 1.0)
    assert np.allclose(y[0, 2:7], 2.0**-0.75)
    assert np.allclose(after_infinity[0, 2:7], 2.0**-0.75)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((5, 4, 3, 2)).transpose(3, 2, 1, 0)[::-1, ::-1]
    settings = 3, 0.5, 0.75, 1.0
    with use(implementation):
        y = local_response_norm_forward(x, *settings)
        assert np.allclose(y, local_response_norm_forward(x.copy(), *settings))
        gx = local_response_norm_backward(y[..., ::-1], x, *settings)
        assert np.allclose(
            gx, local_response_norm_backward(y[..., ::-1].copy(), x.copy(), *settings)
        )


X = np.zeros((2, 3, 4))


@pytest.mark.parametrize(
    ("function", "arrays", "size", "error", "message"),
    [
        (local_response_norm_forward, (X[0, 0],), 5, ValueError, "x must have at least 2 axes"),
        (local_response_norm_forward, (X.astype(int),), 5, TypeError, "x must be floating point"),
        (local_response_norm_forward, (X,), 0, ValueError, "size=0 must be at least 1"),
        (local_response_norm_backward, (X[:1], X), 5, ValueError, "gy has the shape"),
    ],
)
def test_invalid_arguments_are_refused_by_name(function, arrays, size, error, message):
    with pytest.raises(error, match=f"^{function.__name__}: {message}"):
        function(*arrays, size, 1e-4, 0.75, 1.0)
