import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import implicit_gemm
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN, TF32
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from minitorch_cnn.kernels.cuda.launch import forget_plans
from tests.kernels.conv2d.cuda.emulated_check import (
    Layer,
    assert_agrees,
    needs_compiler,
    on_both_devices,
    products,
)

LAYERS = {
    "3 x 3, sums split": Layer(1, 48, 8, 1, (7, 6), Window(3, padding=1)),
    "more rows and columns than a tile": Layer(2, 5, 70, 1, (7, 8), Window(3, padding=1)),
    "1 x 1": Layer(2, 20, 9, 1, (6, 7), Window(1)),
    "1 x 1 of aligned planes": Layer(2, 20, 9, 1, (6, 6), Window(1)),
    "1 x 1 with stride 2, whose other pixels nothing reads": Layer(
        2, 6, 5, 1, (7, 8), Window(1, 2)
    ),
    "stride 2": Layer(2, 6, 5, 1, (8, 9), Window(3, 2, 1)),
    "groups, stride and dilation of every kind": Layer(
        2, 8, 6, 2, (9, 8), Window((3, 2), (3, 2), ((1, 0), (2, 1)), (1, 2))
    ),
    "dilation that shares a factor with the stride": Layer(
        1, 4, 3, 1, (12, 13), Window(3, (4, 6), 2, (2, 4))
    ),
    "outputs that are all padding": Layer(1, 2, 3, 1, (2, 1), Window(3, 3, 4)),
    "no images": Layer(0, 2, 3, 1, (4, 4), Window(3)),
}


@on_both_devices
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_every_layer_agrees_with_numpy_and_stays_within_its_arrays(layer, dtype, device):
    with emulated(guards=True):
        assert_agrees(PLAIN, layer._replace(dtype=dtype), device)


@on_both_devices
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_tf32_computes_integers_exactly_and_stays_within_its_arrays(layer, device):
    with emulated(guards=True):
        assert_agrees(TF32, layer._replace(dtype=np.float32, integers=True), device)


@on_both_devices
def test_tf32_is_off_by_its_rounding_alone(device):
    layer = LAYERS["3 x 3, sums split"]._replace(dtype=np.float32)
    rounded, exact = products(TF32, layer, device), products(PLAIN, layer, device)
    for name, want in exact.items():
        error = np.abs(rounded[name] - want).max() / np.abs(want).max()
        assert 1e-6 < error < 2e-3, name


@on_both_devices
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kernel", [PLAIN, TF32], ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("tile", [1, 2, 3, 4])
def test_every_tile_gives_the_same_result_in_any_order_of_threads(
    monkeypatch, kernel, tile, order, device
):
    if tile >= len(kernel.tiles):
        pytest.skip(f"{kernel.name} has no tile {tile}")
    monkeypatch.setattr(type(kernel), "tiles", (kernel.tiles[tile],) * 2)
    layer = Layer(3, 20, 34, 1, (9, 10), Window(3, 2, 1), np.float32, integers=True)
    with emulated(order=order):
        assert_agrees(kernel, layer, device)


@needs_compiler
@pytest.mark.parametrize("kernel", [PLAIN, TF32], ids=lambda kernel: kernel.name)
def test_there_is_no_undefined_behaviour(kernel):
    layer = LAYERS["3 x 3, sums split"]._replace(dtype=np.float32, integers=True)
    with emulated(sanitize=True):
        assert_agrees(kernel, layer)


@on_both_devices
@pytest.mark.parametrize("kernel", [PLAIN, TF32], ids=lambda kernel: kernel.name)
def test_any_number_of_parts_gives_the_same_sum(monkeypatch, kernel, device):
    layer = Layer(2, 34, 5, 1, (6, 5), Window(3, padding=1), np.float32, integers=True)
    for least in (1, 3, 1000):
        monkeypatch.setattr(implicit_gemm, "MIN_PIECES", least)
        forget_plans()
        assert_agrees(kernel, layer, device)
