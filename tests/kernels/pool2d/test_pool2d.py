import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minitorch_cnn.kernels import Window, use
from minitorch_cnn.kernels.pool2d import (
    adaptive_avg_pool2d_forward,
    adaptive_avg_pool2d_input_grad,
    adaptive_max_pool2d_forward,
    avg_pool2d_forward,
    avg_pool2d_input_grad,
    max_pool2d_forward,
    max_pool2d_gather,
    max_pool2d_input_grad,
    strided,
)
from tests import oracle
from tests.kernels.implementation_check import (
    POOL_CASES,
    PoolCase,
    agreement,
    assert_agrees_with_loops,
    other_implementations,
)
from tests.kernels.test_window import windows

rng = np.random.default_rng(7)
IMPLEMENTATIONS = ["loops", *other_implementations("pool2d")]
WINDOWS = [
    Window(2, 2),
    Window((3, 2), (2, 1), (1, 0)),
    Window((2, 3), (3, 2), ((1, 0), (0, 1))),
]


test_every_implementation_agrees_with_the_loops = agreement("pool2d", POOL_CASES)


@pytest.mark.parametrize("block", [1, 100])
def test_the_numpy_implementation_agrees_with_the_loops_for_any_block_size(monkeypatch, block):
    monkeypatch.setattr(strided, "BLOCK", block)
    assert_agrees_with_loops(PoolCase(2, (7, 6), Window((3, 2), 2, 1), odd_values=True), "numpy")


@pytest.mark.parametrize("window", [*WINDOWS, Window((3, 2), 1, 1, 2)], ids=str)
def test_the_loops_take_the_maximum_of_an_independent_definition(window):
    x = rng.standard_normal((2, 3, 7, 6))
    x[0, 0, 3, 3] = np.nan
    settings = window.kernel, window.stride, window.padding, window.dilation
    with use("loops"):
        y, argmax = max_pool2d_forward(x, window)
        assert np.array_equal(y, oracle.max_pool2d(x, *settings), equal_nan=True)
        assert np.array_equal(max_pool2d_gather(x, argmax), y, equal_nan=True)
        gy = rng.standard_normal(y.shape)
        gx = max_pool2d_input_grad(gy, argmax, (7, 6))
        x[0, 0, 3, 3] = 9.0  # a slope where the NaN was
        slope = oracle.slope(lambda x: oracle.max_pool2d(x, *settings), x, gy)
        assert np.allclose(gx, slope, atol=1e-8)


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_loops_take_the_average_of_an_independent_definition(window, count_include_pad):
    def average(x):
        settings = window.kernel, window.stride, window.padding, count_include_pad
        return oracle.avg_pool2d(x, *settings)

    x = rng.standard_normal((2, 2, 7, 6))
    y = average(x)
    gy = rng.standard_normal(y.shape)
    with use("loops"):
        assert np.allclose(avg_pool2d_forward(x, window, count_include_pad), y)
        gx = avg_pool2d_input_grad(gy, window, (7, 6), count_include_pad)
        assert np.allclose(gx, oracle.adjoint(average, x.shape, gy))


@pytest.mark.parametrize("output_size", [(1, 1), (3, 2), (7, 6), (8, 9)])
def test_the_loops_agree_with_an_independent_adaptive_pooling(output_size):
    def average(x):
        return oracle.adaptive_pool2d(x, output_size, np.mean)

    x = rng.standard_normal((1, 2, 7, 6))
    gy = rng.standard_normal((1, 2, *output_size))
    with use("loops"):
        assert np.allclose(adaptive_avg_pool2d_forward(x, output_size), average(x))
        gx = adaptive_avg_pool2d_input_grad(gy, (7, 6))
        assert np.allclose(gx, oracle.adjoint(average, x.shape, gy))
        y, argmax = adaptive_max_pool2d_forward(x, output_size)
        assert np.array_equal(y, oracle.adaptive_pool2d(x, output_size, np.max))
        assert np.array_equal(max_pool2d_gather(x, argmax), y)


@given(
    window=windows(),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    count_include_pad=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_the_gradients_are_adjoint_to_the_forward(window, size, count_include_pad, seed):
    assume(all(n + sum(p) >= s for n, p, s in zip(size, window.padding, window.span, strict=True)))
    draw = np.random.default_rng(seed).standard_normal
    x = draw((2, 2, *size))
    y = avg_pool2d_forward(x, window, count_include_pad)
    gy = draw(y.shape)
    gx = avg_pool2d_input_grad(gy, window, size, count_include_pad)
    assert np.isclose(np.vdot(x, gx), np.vdot(y, gy))
    argmax = np.random.default_rng(seed).integers(0, size[0] * size[1], y.shape)
    gx = max_pool2d_input_grad(gy, argmax, size)
    assert np.isclose(np.vdot(x, gx), np.vdot(max_pool2d_gather(x, argmax), gy))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_overlapping_windows_add_their_gradients(implementation):
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1.0
    gy = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    with use(implementation):
        _, argmax = max_pool2d_forward(x, Window(2))
        assert max_pool2d_input_grad(gy, argmax, (3, 3))[0, 0, 1, 1] == 10.0


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_argmax_is_the_first_of_equal_values_and_the_last_nan(implementation):
    with use(implementation):
        assert max_pool2d_forward(np.ones((1, 1, 2, 2)), Window(2)).argmax.item() == 0
        assert adaptive_max_pool2d_forward(np.ones((1, 1, 2, 2)), (1, 1)).argmax.item() == 0
        x = np.array([[[[9.0, np.nan, 1.0], [np.nan, 2.0, 3.0]]]])
        for pooled in (
            max_pool2d_forward(x, Window((2, 3))),
            adaptive_max_pool2d_forward(x, (1, 1)),
        ):
            assert np.isnan(pooled.y.item())
            assert pooled.argmax.item() == 3


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_window_of_minus_infinity_points_into_the_input(implementation):
    x = np.full((1, 1, 3, 3), -np.inf)
    with use(implementation):
        y, argmax = max_pool2d_forward(x, Window(2, 2, 1))
    assert np.array_equal(y, np.full((1, 1, 2, 2), -np.inf))
    assert argmax.tolist() == [[[[0, 1], [3, 4]]]]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_pooling_agrees_with_torch(implementation):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    x[x > 1.5] = torch.nan
    x[x < -0.8] = -torch.inf
    clean = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    for kernel, stride, padding, dilation, ceil_mode in (
        ((3, 2), (2, 1), (1, 1), 1, False),
        ((3, 2), (2, 3), (1, 0), 1, True),
        ((2, 3), (3, 2), (1, 1), 2, True),
    ):
        window = Window(kernel, stride, padding, dilation, ceil_mode)
        with use(implementation):
            y, argmax = max_pool2d_forward(x.numpy(), window)
        expected = functional.max_pool2d(
            x, kernel, stride, padding, dilation, ceil_mode, return_indices=True
        )
        assert np.array_equal(y, expected[0], equal_nan=True)
        assert np.array_equal(argmax, expected[1])
        window = Window(kernel, stride, padding, ceil_mode=ceil_mode)
        for divisor in ((True, None), (False, None), (True, 5)):
            with use(implementation):
                y = avg_pool2d_forward(clean.numpy(), window, *divisor)
            expected = functional.avg_pool2d(clean, kernel, stride, padding, ceil_mode, *divisor)
            assert np.allclose(y, expected)
    for output_size in ((1, 1), (4, 3), (9, 8), (10, 3)):
        with use(implementation):
            y, argmax = adaptive_max_pool2d_forward(x.numpy(), output_size)
            average = adaptive_avg_pool2d_forward(clean.numpy(), output_size)
        expected = functional.adaptive_max_pool2d(x, output_size, return_indices=True)
        assert np.array_equal(y, expected[0], equal_nan=True)
        assert np.array_equal(argmax, expected[1])
        assert np.allclose(average, functional.adaptive_avg_pool2d(clean, output_size))


@pytest.mark.parametrize("implementation", other_implementations("pool2d"))
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((6, 5, 3, 2)).transpose(3, 2, 1, 0)[:, ::-1, ::-1, ::-1]
    window = Window((3, 2), 2, 1)
    pooled = max_pool2d_forward(x.copy(), window)
    gy = rng.standard_normal((*pooled.y.shape[:3], 8))[..., ::-2]
    with use(implementation):
        assert np.array_equal(max_pool2d_forward(x, window).y, pooled.y)
        assert np.array_equal(max_pool2d_gather(x, pooled.argmax), pooled.y)
        assert np.allclose(avg_pool2d_forward(x, window), avg_pool2d_forward(x.copy(), window))
        assert np.allclose(
            max_pool2d_input_grad(gy, pooled.argmax, (5, 6)),
            max_pool2d_input_grad(gy.copy(), pooled.argmax, (5, 6)),
        )


X, GY, INDEX = np.zeros((1, 2, 4, 4)), np.zeros((1, 2, 2, 2)), np.zeros((1, 2, 2, 2), int)


@pytest.mark.parametrize(
    ("function", "args", "error", "message"),
    [
        (max_pool2d_forward, (X[0], Window(2)), ValueError, "x must have 4 axes"),
        (max_pool2d_forward, (X.astype(int), Window(2)), TypeError, "floating point"),
        (max_pool2d_forward, (X, Window(5)), ValueError, "more than the input"),
        (max_pool2d_forward, (X, Window(2, 1, 2)), ValueError, "cover padding only"),
        (max_pool2d_input_grad, (GY, INDEX[..., :1], (4, 4)), ValueError, "argmax has the shape"),
        (max_pool2d_input_grad, (GY, INDEX + 16, (4, 4)), IndexError, "outside of planes"),
        (max_pool2d_input_grad, (GY, INDEX - 1, (4, 4)), IndexError, "outside of planes"),
        (max_pool2d_gather, (X, INDEX + 0.5), TypeError, "argmax must be integer"),
        (avg_pool2d_forward, (X, Window(2), True, 0), ValueError, "divisor_override=0"),
        (avg_pool2d_input_grad, (GY, Window(2), (4, 4)), ValueError, r"must end in \(3, 3\)"),
        (adaptive_avg_pool2d_forward, (X, (-1, 2)), ValueError, r"output_size=\(-1, 2\)"),
        (adaptive_max_pool2d_forward, (X[:, :, :0], (1, 1)), ValueError, "no cells to pool"),
    ],
)
def test_invalid_arguments_are_refused_by_name(function, args, error, message):
    with pytest.raises(error, match=message) as caught:
        function(*args)
    assert str(caught.value).startswith((function.__name__, "Window"))
