import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import implicit_gemm
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN, TF32
from minitorch_cnn.kernels.cuda.array import to_emulator, to_host
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from minitorch_cnn.kernels.cuda.launch import forget_plans
from tests.kernels.conv2d.cuda.emulated_check import (
    Layer,
    assert_agrees,
    needs_compiler,
    on_both_devices,
    products,
    to_device,
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
    "a stride beyond the image": Layer(2, 4, 3, 1, (3, 4), Window(2, (5, 7), 1)),
    "outputs that are all padding": Layer(1, 2, 3, 1, (2, 1), Window(3, 3, 4)),
    "images of three channels": Layer(2, 3, 20, 1, (8, 10), Window(7, 2, 3)),
    "images of three channels, in planes of odd size": Layer(
        2, 3, 20, 1, (7, 9), Window(3, padding=1)
    ),
    "channels that fill a tile": Layer(2, 128, 5, 1, (4, 5), Window((2, 3), 1, 1)),
    "channels that fill a tile, of aligned planes": Layer(
        2, 256, 6, 2, (8, 7), Window((3, 2), 2, (1, 0), (1, 2))
    ),
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
@pytest.mark.parametrize("size", [1, 3], ids=["as they are", "packed"])
def test_tf32_rounds_weights_and_inputs_to_the_nearest(size, device):
    tie = np.float32(1 + 2**-11)  # rounded away from zero; cut off, it would be 1
    layer = Layer(1, 16, 16, 1, (size, size), Window(size), np.float32)
    for x_value, w_value in ((1, tie), (tie, 1)):
        x, w = np.zeros((1, 16, size, size), "f"), np.zeros((16, 16, size, size), "f")
        x[:, 0, 0, 0], w[:, 0, 0, 0] = x_value, w_value
        y = TF32.forward(to_device(x, device), to_device(w, device), layer.window, 1)
        assert np.array_equal(to_host(y).ravel(), np.full(16, 1 + 2**-10, "f"))
        gx = TF32.input_grad(
            to_device(x[:, :, :1, :1], device), to_device(w, device), layer.window, layer.size, 1
        )
        assert to_host(gx)[0, 0, 0, 0] == np.float32(1 + 2**-10)


@on_both_devices
@pytest.mark.parametrize("channels", [16, 128])
@pytest.mark.parametrize("width", [3, 4], ids=["one at a time", "four at a time"])
def test_tf32_rounds_both_factors_of_a_weight_gradient_to_the_nearest(channels, width, device):
    tie = np.float32(1 + 2**-11)
    for x_value, gy_value in ((1, tie), (tie, 1)):
        x, gy = np.zeros((1, channels, 1, width), "f"), np.zeros((1, 16, 1, width), "f")
        x[..., 2], gy[..., 2] = x_value, gy_value
        gw = TF32.weight_grad(to_device(x, device), to_device(gy, device), Window(1), 1)
        assert np.array_equal(to_host(gw), np.full(gw.shape, 1 + 2**-10, "f"))


STRIDED = {
    "2": Window(3, 2, 1),
    "2 of a 1 x 1, of which three phases are zero": Window(1, 2),
    "3, larger than the kernel": Window(2, 3, 1),
    "down and across different": Window((5, 3), (2, 1), (2, 1)),
    "dilation that is prime to it": Window((3, 2), (2, 3), ((1, 2), (0, 1)), (3, 2)),
    "dilation that shares a factor": Window(3, (4, 6), (2, 3), (2, 4)),
    "padding beyond the taps": Window((2, 3), (3, 2), ((4, 0), (3, 5))),
}


@needs_compiler
@pytest.mark.parametrize("window", STRIDED.values(), ids=STRIDED)
@pytest.mark.parametrize("kernel", [PLAIN, TF32], ids=lambda kernel: kernel.name)
def test_each_phase_of_a_strided_input_gradient_is_a_convolution_bit_by_bit(kernel, window):
    layer = Layer(2, 5, 18, 1, (10, 11), window, np.float32)
    _, w, _, gy = layer.arrays()
    gx = to_host(
        kernel.input_grad(to_emulator(gy), to_emulator(w), window, layer.size, layer.groups)
    )
    room = 20
    padded = np.pad(gy, ((0, 0), (0, 0), (room, room), (room, room)))
    for pixels in np.ndindex(*window.stride):
        along = [_taps_of(window, axis, pixels[axis]) for axis in (0, 1)]
        got = gx[:, :, pixels[0] :: window.stride[0], pixels[1] :: window.stride[1]]
        if not all(taps for taps, _, _ in along):
            assert not got.any()
            continue
        taps_h, taps_w = ([*reversed(taps)] for taps, _, _ in along)
        part = w[:, :, taps_h][..., taps_w].swapaxes(0, 1)
        (_, _, apart_h), (_, _, apart_w) = along
        apart = Window((len(taps_h), len(taps_w)), dilation=(apart_h, apart_w))
        read = [
            slice(room + first, room + first + n + span - 1)
            for (_, first, _), n, span in zip(along, got.shape[2:], apart.span, strict=True)
        ]
        source = np.ascontiguousarray(padded[:, :, read[0], read[1]])
        want = kernel.forward(to_emulator(source), to_emulator(part.copy()), apart, 1)
        assert np.array_equal(got, to_host(want)), pixels


def _taps_of(window, axis, pixel):
    """The taps that read the pixels pixel, pixel + stride...; where the last reads gy for the first
    of these; and how far apart they read.
    """
    S, D, before = window.stride[axis], window.dilation[axis], window.padding[axis][0]
    taps = [k for k in range(window.kernel[axis]) if (pixel + before - k * D) % S == 0]
    reads = [(pixel + before - k * D) // S for k in taps]
    return taps, reads[-1] if taps else 0, reads[0] - reads[1] if len(taps) > 1 else 1


def test_two_results_are_written_at_once_where_they_are_adjacent(monkeypatch):
    settings = []

    def copying(self, by_four, packed, pairs, few):
        settings.append(pairs)
        return {"VECTOR": 1, "ROUNDED": int(packed), "PAIRS": int(pairs), "FEW": 0}

    monkeypatch.setattr(implicit_gemm.TF32ImplicitGemm, "_copying", copying)
    for stride, size in ((1, (6, 7)), (1, (7, 7)), (2, (6, 8)), (2, (7, 7))):
        window = Window(3, stride, 1)
        y_size = window.output_size(*size)
        for function, x, y in (("forward", size, y_size), ("input_grad", y_size, size)):
            shapes = (1, 4, *x), (2, 4, 3, 3) if function == "forward" else (4, 2, 3, 3), (1, 2, *y)
            settings.clear()
            TF32.plan_products(function, *shapes, np.dtype("f"), window, 1, False, False)
            scattered = function == "input_grad" and stride == 2
            assert settings == [not scattered and y[0] * y[1] % 2 == 0]


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
