import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import depthwise
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from tests.kernels.conv2d.cuda.emulated_check import (
    Layer,
    assert_agrees,
    needs_compiler,
    on_both_devices,
    products,
)


def layer(batch, channels, multiplier, size, window, dtype=np.float32):
    return Layer(batch, channels, channels * multiplier, channels, size, window, dtype)


CASES = {
    "small planes put together, the last block not full": layer(
        5, 3, 1, (7, 7), Window(3, padding=1)
    ),
    "rows read 16 bytes at a time, from a column before the image": layer(
        2, 2, 1, (12, 16), Window(3, 1, 1)
    ),
    "several tiles across and down, the last ones partial": layer(
        1, 2, 1, (37, 70), Window(3, padding=1)
    ),
    "several tiles read 16 bytes at a time": layer(1, 1, 1, (20, 132), Window(3, padding=1)),
    "stride 2": layer(2, 3, 1, (9, 12), Window(3, 2, 1)),
    "stride 2 and two outputs a channel": layer(2, 2, 2, (8, 11), Window(3, 2, 1)),
    "5 x 5 with stride 2 and the padding after it": layer(
        2, 2, 1, (11, 8), Window(5, 2, ((1, 2), (1, 2)))
    ),
    "5 x 5, two outputs a channel": layer(1, 2, 2, (10, 9), Window(5, padding=2), np.float64),
    "7 x 7 in fewer threads than taps": layer(2, 2, 1, (9, 6), Window(7, padding=3)),
    "7 x 7 with stride 2": layer(1, 2, 1, (13, 14), Window(7, 2, 3), np.float64),
    "dilated": layer(2, 2, 1, (9, 8), Window(3, 1, 2, 2), np.float64),
    "another stride, dilation and padding on every side": layer(
        1, 2, 2, (10, 9), Window(3, (3, 2), ((0, 2), (3, 1)), (1, 2)), np.float64
    ),
}


@on_both_devices
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_layer_agrees_with_numpy_and_stays_within_its_arrays(case, device):
    with emulated(guards=True):
        assert_agrees(depthwise, case, device)


@on_both_devices
@pytest.mark.parametrize("order", ORDERS[1:])
@pytest.mark.parametrize(
    "name",
    ["stride 2 and two outputs a channel", "several tiles across and down, the last ones partial"],
)
def test_the_order_of_threads_does_not_matter(name, order, device):
    with emulated(order=order):
        assert_agrees(depthwise, CASES[name], device)


@on_both_devices
def test_a_block_of_the_weight_gradient_goes_through_many_tiles(monkeypatch, device):
    monkeypatch.setattr(depthwise, "TARGET_BLOCKS", 4)
    for order in ORDERS:
        with emulated(order=order):
            assert_agrees(depthwise, layer(5, 2, 1, (37, 70), Window(3, padding=1)), device)


@needs_compiler
def test_there_is_no_undefined_behaviour():
    with emulated(sanitize=True):
        assert_agrees(depthwise, CASES["stride 2 and two outputs a channel"])


@on_both_devices
def test_results_are_bitwise_reproducible(device):
    case = layer(6, 2, 1, (9, 9), Window(3, padding=1))
    with emulated(order="forward"):
        first = products(depthwise, case, device)
    with emulated(order="shuffled", seed=3):
        second = products(depthwise, case, device)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@on_both_devices
def test_a_tile_that_does_not_fit_into_shared_memory_is_made_smaller(device):
    assert_agrees(depthwise, layer(1, 1, 1, (70, 80), Window(7, 2, 3, 8), np.float64), device)


@on_both_devices
def test_an_empty_batch_gives_empty_outputs_and_zero_gradients(device):
    found = products(depthwise, layer(0, 2, 1, (5, 5), Window(3)), device)
    assert found["forward"].shape == (0, 2, 3, 3) and found["input_grad"].shape == (0, 2, 5, 5)
    assert not found["weight_grad"].any()
