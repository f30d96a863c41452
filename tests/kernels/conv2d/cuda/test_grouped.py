import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import grouped
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from tests.kernels.conv2d.cuda.emulated_check import (
    Layer,
    assert_agrees,
    needs_compiler,
    on_both_devices,
    products,
)

CASES = {
    "4 channels a group, images put together": Layer(
        3, 8, 8, 2, (7, 7), Window(3, padding=1), np.float32
    ),
    "4 channels a group, rows read 16 bytes at a time": Layer(
        1, 8, 8, 2, (9, 12), Window(3, padding=1), np.float32
    ),
    "8 channels a group, stride 2": Layer(2, 16, 16, 2, (9, 12), Window(3, 2, 1), np.float32),
    "more channels than fit at once, read and written": Layer(
        1, 24, 40, 2, (6, 5), Window(3, padding=1), np.float32
    ),
    "numbers of channels that nothing divides": Layer(
        2, 10, 14, 2, (8, 7), Window(3, 2, 1), np.float64
    ),
    "several tiles": Layer(1, 6, 4, 2, (35, 68), Window(3, padding=1), np.float32),
    "5 x 5": Layer(1, 6, 8, 2, (9, 8), Window(5, 1, 2), np.float64),
    "7 x 7 with stride 2": Layer(1, 4, 6, 2, (11, 9), Window(7, 2, 3), np.float32),
    "stride and dilation of every kind": Layer(
        1, 6, 9, 3, (9, 10), Window(3, (3, 2), ((0, 1), (2, 1)), (1, 2)), np.float64
    ),
}


@on_both_devices
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_layer_agrees_with_numpy_and_stays_within_its_arrays(case, device):
    with emulated(guards=True):
        assert_agrees(grouped, case, device)


@on_both_devices
@pytest.mark.parametrize("order", ORDERS[1:])
def test_the_order_of_threads_does_not_matter(order, device):
    with emulated(order=order):
        assert_agrees(grouped, CASES["8 channels a group, stride 2"], device)


@on_both_devices
def test_a_block_of_the_weight_gradient_goes_through_many_tiles(monkeypatch, device):
    monkeypatch.setattr(grouped, "TARGET_BLOCKS", 4)
    for order in ORDERS:
        with emulated(order=order):
            assert_agrees(grouped, CASES["several tiles"]._replace(batch=3), device)


@needs_compiler
def test_there_is_no_undefined_behaviour():
    with emulated(sanitize=True):
        assert_agrees(grouped, CASES["8 channels a group, stride 2"])


@on_both_devices
def test_an_empty_batch_gives_empty_outputs_and_zero_gradients(device):
    found = products(grouped, Layer(0, 4, 4, 2, (5, 5), Window(3)), device)
    assert found["forward"].shape == (0, 4, 3, 3) and found["input_grad"].shape == (0, 4, 5, 5)
    assert not found["weight_grad"].any()
