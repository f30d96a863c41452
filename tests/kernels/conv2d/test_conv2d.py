import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minitorch_cnn.kernels import Window, use, workspace
from minitorch_cnn.kernels.conv2d import (
    conv2d_forward,
    conv2d_input_grad,
    conv2d_weight_grad,
    im2col,
    numpy_depthwise,
)
from tests import oracle
from tests.kernels.implementation_check import (
    CONV_CASES,
    ConvCase,
    agreement,
    assert_agrees_with_loops,
    other_implementations,
)
from tests.kernels.test_window import windows

rng = np.random.default_rng(7)


SPECIAL = ("winograd",)  # 3x3 only
GENERAL = [
    implementation
    for implementation in other_implementations("conv2d")
    if implementation not in SPECIAL
]


test_every_implementation_agrees_with_the_loops = agreement("conv2d", CONV_CASES)


@pytest.mark.parametrize("block", [1, 300, 2000])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_numpy_implementation_agrees_with_the_loops_for_any_block_size(
    monkeypatch, block, groups
):
    monkeypatch.setattr(im2col, "BLOCK", block)
    monkeypatch.setattr(im2col, "MIN_COLUMNS", 1)
    monkeypatch.setattr(numpy_depthwise, "BLOCK", block)
    case = ConvCase(3, 4, 4, groups, (6, 7), Window((3, 2), (2, 1), ((1, 2), (0, 1)), (1, 2)))
    assert_agrees_with_loops(case, "numpy")


def test_a_large_pointwise_convolution_agrees_with_the_loops():
    assert_agrees_with_loops(ConvCase(2, 2, 2, 1, (24, 24), Window(1)), "numpy")


GEOMETRIES = [
    Window((3, 2)),
    Window((3, 2), (3, 2), (2, 1)),
    Window((2, 3), 2, ((0, 1), (2, 0)), (1, 2)),
    Window((3, 3), 2, 1, 2),
]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("window", GEOMETRIES, ids=str)
def test_the_loops_agree_with_an_independent_definition(window, groups):
    x, w = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((4, 4 // groups, *window.kernel))
    settings = window.stride, window.padding, window.dilation, groups
    y = oracle.conv2d(x, w, *settings)
    gy = rng.standard_normal(y.shape)
    with use("loops"):
        assert np.allclose(conv2d_forward(x, w, window, groups), y)
        gx = oracle.adjoint(lambda x: oracle.conv2d(x, w, *settings), x.shape, gy)
        assert np.allclose(conv2d_input_grad(gy, w, window, (5, 6), groups), gx)
        gw = oracle.adjoint(lambda w: oracle.conv2d(x, w, *settings), w.shape, gy)
        assert np.allclose(conv2d_weight_grad(x, gy, window, groups), gw)


@pytest.mark.parametrize("implementation", ["loops", "numpy"])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_convolution_agrees_with_torch(implementation, groups):
    torch = pytest.importorskip("torch")
    x = torch.randn(2, 4, 7, 6, dtype=torch.float64, requires_grad=True)
    w = torch.randn(8, 4 // groups, 3, 2, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.conv2d(x, w, None, (2, 1), (1, 2), (1, 2), groups)
    gy = torch.randn_like(y)
    gx, gw = torch.autograd.grad(y, (x, w), gy)
    window = Window((3, 2), (2, 1), (1, 2), (1, 2))
    x, w, gy = x.detach().numpy(), w.detach().numpy(), gy.numpy()
    with use(implementation):
        assert np.allclose(conv2d_forward(x, w, window, groups), y.detach())
        assert np.allclose(conv2d_input_grad(gy, w, window, (7, 6), groups), gx)
        assert np.allclose(conv2d_weight_grad(x, gy, window, groups), gw)


@given(
    window=windows(),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    channels=st.sampled_from([(1, 1, 3), (1, 3, 2), (2, 1, 1), (2, 2, 3), (3, 1, 2)]),
    batch=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_the_gradients_are_adjoint_to_the_forward(window, size, channels, batch, seed):
    assume(all(n + sum(p) >= s for n, p, s in zip(size, window.padding, window.span, strict=True)))
    groups, per_group, out_per_group = channels
    draw = np.random.default_rng(seed).standard_normal
    x = draw((batch, groups * per_group, *size))
    w = draw((groups * out_per_group, per_group, *window.kernel))
    y = conv2d_forward(x, w, window, groups)
    gy = draw(y.shape)
    product = np.vdot(y, gy)
    gx = conv2d_input_grad(gy, w, window, size, groups)
    gw = conv2d_weight_grad(x, gy, window, groups)
    tolerance = 1e-10 * (1 + np.abs(y).sum())
    assert abs(np.vdot(x, gx) - product) < tolerance
    assert abs(np.vdot(w, gw) - product) < tolerance


@pytest.mark.parametrize("implementation", GENERAL)
@pytest.mark.parametrize("groups", [1, 4])
def test_views_of_any_stride_give_the_result_of_their_copy(implementation, groups):
    x = rng.standard_normal((6, 5, 4, 2)).transpose(3, 2, 1, 0)[:, ::-1, ::-1, ::-1]
    w = rng.standard_normal((2, 3, 4 // groups, 4)).transpose(3, 2, 1, 0)[::-1, :, ::-1]
    for window in (Window((3, 2), 2, 1), Window((3, 2))):
        y = conv2d_forward(x.copy(), w.copy(), window, groups)
        gy = rng.standard_normal((*y.shape[:3], 2 * y.shape[3]))[..., ::-2]
        with use(implementation):
            assert np.allclose(conv2d_forward(x, w, window, groups), y)
            gx = conv2d_input_grad(gy, w, window, (5, 6), groups)
            gw = conv2d_weight_grad(x, gy, window, groups)
        with use("loops"):
            gy = gy.copy()
            assert np.allclose(gx, conv2d_input_grad(gy, w.copy(), window, (5, 6), groups))
            assert np.allclose(gw, conv2d_weight_grad(x.copy(), gy, window, groups))


@pytest.mark.parametrize("implementation", GENERAL)
def test_inputs_that_no_window_covers_get_no_gradient(implementation):
    w, gy = rng.standard_normal((2, 3, 2, 2)), rng.standard_normal((1, 2, 2, 2))
    with use(implementation):
        gx = conv2d_input_grad(gy, w, Window(2, stride=3), (7, 6))
    assert not gx[:, :, [2, 5, 6]].any() and not gx[:, :, :, [2, 5]].any()
    assert gx[:, :, [0, 1, 3, 4]][..., [0, 1, 3, 4]].all()


def test_no_channels_give_zeros():
    y = conv2d_forward(np.ones((2, 0, 4, 4)), np.ones((3, 0, 2, 2)), Window(2))
    assert np.array_equal(y, np.zeros((2, 3, 3, 3)))


def test_the_columns_of_a_large_image_stay_within_the_workspace():
    window = Window(3, padding=1)
    x = np.zeros((1, 16, 256, 512), np.float32)
    w = np.zeros((4, 16, 3, 3), np.float32)
    gy = np.zeros((1, 4, 256, 512), np.float32)
    whole = x.nbytes * 9
    for function, args, result in (
        (conv2d_forward, (x, w, window), gy.nbytes),
        (conv2d_input_grad, (gy, w, window, (256, 512)), x.nbytes),
        (conv2d_weight_grad, (x, gy, window), w.nbytes),
    ):
        tracemalloc.start()
        function(*args)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - result < 2 * im2col.BLOCK < whole / 8
    assert workspace.held_bytes() < 4 * workspace.LIMIT


def test_a_row_of_columns_beyond_the_workspace_is_cut_too():
    bytes_per_column = 2**20
    blocks = list(im2col._blocks((2, 1, 3, 100), bytes_per_column))
    assert all((b[3].stop - b[3].start) * bytes_per_column <= workspace.LIMIT for b in blocks)
    covered = np.zeros((2, 1, 3, 100), int)
    for block in blocks:
        covered[block] += 1
    assert (covered == 1).all()


X, W, GY = np.zeros((2, 4, 5, 6)), np.zeros((6, 4, 3, 2)), np.zeros((2, 6, 3, 5))


@pytest.mark.parametrize(
    ("function", "args", "error", "message"),
    [
        (conv2d_forward, (X[0], W, Window((3, 2))), ValueError, "x must have 4 axes"),
        (conv2d_forward, (X, W, Window((2, 3))), ValueError, "must end in window.kernel"),
        (conv2d_forward, (X, W, Window((3, 2)), 4), ValueError, "groups=4 must divide out_ch"),
        (conv2d_forward, (X, W, Window((3, 2)), 0), ValueError, "groups=0 must be at least 1"),
        (conv2d_forward, (X, W, Window((3, 2)), 2), ValueError, "needs 8"),
        (conv2d_forward, (X.astype(int), W, Window((3, 2))), TypeError, "floating point"),
        (conv2d_forward, (X, W.astype("f"), Window((3, 2))), TypeError, "they must agree"),
        (conv2d_forward, (X[:, :, :2], W, Window((3, 2))), ValueError, "more than the input"),
        (conv2d_forward, (X, W, Window((3, 2), ceil_mode=True)), ValueError, "ceil_mode"),
        (conv2d_input_grad, (GY, W, Window((3, 2)), (6, 6)), ValueError, r"must end in \(4, 5\)"),
        (conv2d_input_grad, (GY[:, :4], W, Window((3, 2)), (5, 6)), ValueError, "in_channels=4"),
        (conv2d_weight_grad, (X, GY, Window((3, 2)), 3), ValueError, "groups=3 must divide in_ch"),
        (conv2d_weight_grad, (X[:1], GY, Window((3, 2))), ValueError, "batch of 2, x of 1"),
        (conv2d_weight_grad, (X, GY[:, :, 1:], Window((3, 2))), ValueError, "must end in"),
    ],
)
def test_invalid_arguments_are_refused_by_name(function, args, error, message):
    with pytest.raises(error, match=message) as caught:
        function(*args)
    assert str(caught.value).startswith((function.__name__, "Window"))
