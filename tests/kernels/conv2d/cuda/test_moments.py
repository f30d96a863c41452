"""What the epilogue of a convolution sums for batch norm, against sums of the result in float64."""

import shutil

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, batch_norm, use
from minitorch_cnn.kernels.conv2d import conv2d_with_moments
from minitorch_cnn.kernels.conv2d.cuda import implicit_gemm
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN, TF32
from minitorch_cnn.kernels.cuda import launch
from minitorch_cnn.kernels.cuda.array import to_emulator, to_host
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from minitorch_cnn.kernels.cuda.launch import forget_plans
from tests.kernels.conv2d.cuda.emulated_check import needs_compiler, on_both_devices, to_device

pytestmark = needs_compiler
KERNELS = pytest.mark.parametrize("kernel", [PLAIN, TF32], ids=lambda kernel: kernel.name)
rng = np.random.default_rng(3)


def convolved(kernel, x, w, window=None, groups=1, bias=None, device="emulator"):
    """y and the Moments' array and size, on the host."""
    placed = [a if a is None else to_device(a, device) for a in (x, w, bias)]
    window = window or Window(w.shape[2:])
    y, moments = kernel.forward_with_moments(*placed[:2], window, groups, placed[2])
    assert moments is not None
    return to_host(y), to_host(moments.array), moments.per


def assert_are_moments(y, array, per, exact=False):
    rows = y.swapaxes(0, 1).reshape(y.shape[1], -1).astype(float)
    assert array.shape == (2, -(-rows.shape[1] // per), len(rows))
    for part in range(array.shape[1]):
        own = rows[:, part * per : (part + 1) * per]
        squares = ((own - own.mean(1, keepdims=True)) ** 2).sum(1)
        if exact:
            assert np.array_equal(array[:, part], [own.mean(1), squares])
        else:
            assert np.allclose(array[0, part], own.mean(1), rtol=1e-6, atol=1e-5)
            assert np.allclose(array[1, part], squares, rtol=1e-5, atol=1e-3)


def ternary(*shape):
    return rng.integers(-1, 2, shape).astype(np.float32)


@on_both_devices
@KERNELS
@pytest.mark.parametrize("positions", [1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 160])
def test_moments_stop_at_the_last_column_wherever_it_lies_in_a_tile(kernel, positions, device):
    x, w = ternary(1, 16, 1, positions), ternary(18, 16, 1, 1)
    with emulated(guards=True):
        assert_are_moments(*convolved(kernel, x, w, device=device))


@on_both_devices
@KERNELS
@pytest.mark.parametrize("groups", [1, 2])
def test_moments_of_whole_parts_of_integers_are_exact(kernel, groups, device):
    x, w, b = ternary(2, 12, 16, 8), ternary(34, 12 // groups, 3, 3), 8 * ternary(34)
    with emulated(guards=True):
        found = convolved(kernel, x, w, Window(3, padding=1), groups, b, device)
    assert_are_moments(*found, exact=True)


@on_both_devices
@KERNELS
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("tile", [0, 1, 2, 3])
def test_every_tile_gives_the_same_bits_in_any_order_of_threads(
    monkeypatch, kernel, tile, order, device
):
    if tile >= len(kernel.tiles):
        pytest.skip(f"{kernel.name} has no tile {tile}")
    for name, value in (("small", kernel.tiles[tile]), ("tiles", (kernel.tiles[tile],) * 2)):
        monkeypatch.setattr(type(kernel), name, value)
    forget_plans()
    x, w = rng.standard_normal((3, 20, 9, 10), "f"), rng.standard_normal((34, 20, 3, 3), "f")
    with emulated(order=order):
        found = convolved(kernel, x, w, Window(3, 2, 1), device=device)
    assert_are_moments(*found)
    with emulated():
        again = convolved(kernel, x, w, Window(3, 2, 1), device=device)
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


@KERNELS
def test_a_large_mean_does_not_cancel_the_squares(kernel):
    x, w = ternary(4, 16, 6, 6), ternary(20, 16, 3, 3)
    _, small, _ = convolved(kernel, x, w)
    y, array, per = convolved(kernel, x, w, bias=np.full(20, 2.0**20, "f"))
    assert_are_moments(y, array, per)
    assert np.allclose(array[1], small[1], rtol=1e-5)


@KERNELS
def test_nan_reaches_the_moments_of_its_columns_alone(kernel):
    x, w = ternary(1, 16, 1, 160), ternary(18, 16, 1, 1)
    x[0, 0, 0, 40] = np.nan
    w[5, 0] = 1
    _, array, per = convolved(kernel, x, w)
    assert np.isnan(array[:, 40 // per, 5]).all()
    assert not np.isnan(np.delete(array, 40 // per, axis=1)).any()


@KERNELS
def test_sums_that_are_split_over_blocks_have_no_moments(monkeypatch, kernel):
    monkeypatch.setattr(implicit_gemm, "MIN_PIECES", 1)
    forget_plans()
    x, w = to_emulator(ternary(1, 64, 5, 5)), to_emulator(ternary(16, 64, 3, 3))
    y, moments = kernel.forward_with_moments(x, w, Window(3), 1)
    assert moments is None and np.array_equal(
        to_host(y), to_host(kernel.forward(x, w, Window(3), 1))
    )
    forget_plans()


@pytest.mark.parametrize("shape", [(2, 3, 9, 7), (5, 40, 8, 4), (70, 33, 16, 16)])
@pytest.mark.parametrize("order", ORDERS)
def test_batch_norm_by_moments_is_that_of_the_whole_result(shape, order):
    C = shape[1]
    y = (rng.standard_normal(shape) * rng.uniform(0.1, 3, (C, 1, 1)) + 50).astype(np.float32)
    rows, per = y.swapaxes(0, 1).reshape(C, -1).astype(float), 32
    parts = [rows[:, i : i + per] for i in range(0, rows.shape[1], per)]
    means = [part.mean(1) for part in parts]
    squares = [part.var(1) * part.shape[1] for part in parts]
    moments = batch_norm.Moments(to_emulator(np.array([means, squares], "f")), per)
    states = []
    for known in (moments, None):
        running = to_emulator(np.ones(C, "f")), to_emulator(np.ones(C, "f")), 0.25
        state = batch_norm.Running(*running, to_emulator(np.array(4)))
        with emulated(order=order, guards=True):
            found = batch_norm.batch_norm_training(
                to_emulator(y), None, None, 1e-3, running=state, moments=known
            )
        states.append([to_host(a) for a in (*found, state.mean, state.var, state.batches)])
    for got, want in zip(*states, strict=True):
        assert np.allclose(got, want, rtol=2e-5, atol=1e-4)
    _, mean, var, invstd, running_mean, running_var, batches = states[0]
    count = rows.shape[1]
    assert np.allclose(mean, rows.mean(1), rtol=1e-6) and np.allclose(var, rows.var(1), rtol=1e-4)
    assert np.allclose(invstd, (rows.var(1) + 1e-3) ** -0.5, rtol=1e-4) and batches == 5
    assert np.allclose(running_mean, 0.75 + 0.25 * rows.mean(1), rtol=1e-5)
    assert np.allclose(running_var, 0.75 + 0.25 * rows.var(1) * count / (count - 1), rtol=1e-4)


def test_a_kernel_without_such_an_epilogue_has_no_moments():
    x, w = ternary(2, 4, 6, 6), ternary(4, 1, 3, 3)
    window = Window(3, padding=1)
    y, moments = conv2d_with_moments(to_emulator(x), to_emulator(w), window, 4)
    assert moments is None and to_host(y).shape == (2, 4, 6, 6)
    with use("numpy"):
        want, moments = conv2d_with_moments(x, w, window, 4)
    assert moments is None and np.array_equal(to_host(y), want)


@pytest.mark.parametrize("relu_at", [0.0, 2.0])
def test_a_residual_is_added_before_the_relu(relu_at):
    x, r = rng.standard_normal((2, 3, 5, 5, 4), "f")[:, :2]
    w, b = np.array([[2, 0.5, 1], [0, relu_at, -1]], "f")
    for shape in ((2, 3, 5, 4), (2, 3, 20, 1)):  # read one at a time, and four
        a, c = (v[:2].ravel()[:120].reshape(shape).astype(np.float32) for v in (x, r))
        with emulated(guards=True):
            y = batch_norm.batch_norm_training(
                *map(to_emulator, (a, w, b)), 1e-3, True, residual=to_emulator(c)
            ).y
        column = (1, 3, 1, 1)
        apart = a - a.mean((0, 2, 3), keepdims=True)
        hat = apart / np.sqrt(a.var((0, 2, 3), keepdims=True) + 1e-3)
        want = np.maximum(hat * w.reshape(column) + b.reshape(column) + c, 0)
        assert np.allclose(to_host(y), want, atol=1e-5)


def test_a_residual_is_refused_where_nobody_adds_it():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(TypeError, match="batch_norm_training: residual needs a device"):
        batch_norm.batch_norm_training(x, None, None, 1e-3, True, residual=x)


FAULTS = {
    "columns after the last": (
        "conv2d/cuda/implicit_gemm_tf32.cu", "= first_t + COLUMN(j / 2, j) < T", "= true"),
    "every warp writes the first's part": (
        "conv2d/cuda/implicit_gemm_tf32.cu", "threadIdx.x / 32 % WARPS_N * COLUMNS;", "0;"),
    "a bias that the result has, and the moments not": (
        "conv2d/cuda/implicit_gemm_tf32.cu", "f + j % 2] + offset", "f + j % 2]"),
    "squares of what is not centred": (
        "conv2d/cuda/moments.h", "values[i] - near - mean", "values[i] - near"),
    "lanes left out": ("conv2d/cuda/moments.h", "other = LANES / 2", "other = LANES / 4"),
    "a last part as long as the others": (
        "batch_norm/batch_norm.cu", "min((long long)per, samples - (long long)part * per)", "per"),
    "means that are not moved back": (
        "batch_norm/batch_norm.cu", "to.write(c, total, near)", "to.write(c, total, 0)"),
    "warps that are not merged": (
        "batch_norm/batch_norm.cu", "own.add(warps[i][lane])", "own.add({0, 0, 0})"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_caught(monkeypatch, tmp_path, fault):
    path, right, wrong = fault
    for folder in ("conv2d/cuda", "batch_norm"):
        shutil.copytree(launch.SOURCES / folder, tmp_path / folder)
    text = (tmp_path / path).read_text(encoding="utf-8")
    assert right in text, "the text has changed: plant the fault anew"
    (tmp_path / path).write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(launch, "SOURCES", tmp_path)
    with pytest.raises(AssertionError):
        test_moments_of_whole_parts_of_integers_are_exact(TF32, 2, "emulator")
        test_moments_stop_at_the_last_column_wherever_it_lies_in_a_tile(TF32, 127, "emulator")
        test_batch_norm_by_moments_is_that_of_the_whole_result((5, 40, 9, 4), "forward")
