"""Winograd's convolution against the direct sums, in all three directions."""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.conv2d import (
    conv2d_forward,
)
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.products import drawn_products

pytest.importorskip("numba")
from minitorch_cnn.kernels.conv2d.winograd import multiply_adds, plan, weight_sum_plan
from minitorch_cnn.kernels.machine import KNOWN, machine
from minitorch_cnn.kernels.micro_kernel import MR, NR_VECTORS

ERROR = {np.float32: 5e-5, np.float64: 1e-10}  # relative to the largest result

# batch, channels, outputs, size, padding: tiles that are not full on any side, one pixel, no image
LAYERS = [
    (2, 3, 4, (7, 9), 1),
    (1, 16, 16, (12, 12), 0),
    (3, 5, 8, (4, 4), ((0, 1), (2, 1))),
    (0, 3, 4, (5, 5), 1),
    (2, 64, 64, (17, 30), 1),
    (1, 33, 70, (5, 6), 2),
    (1, 1, 1, (3, 3), 0),
    (1, 200, 80, (14, 11), 1),  # few tiles, many channels: panels of weights
    (6, 17, 20, (56, 56), 1),  # more tiles than a partial sum of the weight gradient
    (5, 40, 24, (56, 53), 1),
]


def results(implementation, batch, channels, outputs, size, padding, dtype=np.float32):
    shapes = (batch, channels, *size), (outputs, channels, 3, 3)
    return drawn_products(implementation, *shapes, Window(3, padding=padding), dtype=dtype)


@pytest.mark.parametrize("dtype", ERROR)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_all_directions_agree_with_the_direct_sums(layer, dtype):
    check(layer, dtype)


def check(layer, dtype=np.float32):
    exact = results("numpy", *layer, dtype=np.float64)
    for got, want in zip(results("winograd", *layer, dtype=dtype), exact, strict=True):
        assert got.shape == want.shape and got.dtype == dtype
        scale = np.abs(want).max() if want.size else 1.0
        np.testing.assert_allclose(got, want, rtol=0, atol=ERROR[dtype] * scale)


@pytest.fixture
def only_tile(monkeypatch):
    """A function that lets all layers take tiles of one size."""
    plans = plan.plan_of, weight_sum_plan.plan_of

    def set_tile(tile):
        monkeypatch.setattr(plan, "TILES", (tile,))
        for plan_of in plans:
            plan_of.cache_clear()

    yield set_tile
    for plan_of in plans:
        plan_of.cache_clear()


@pytest.mark.parametrize("tile", plan.TILES)
def test_tiles_of_every_size_agree_with_the_direct_sums(only_tile, tile):
    only_tile(tile)
    check((2, 19, 21, (10, 13), 1))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_layers_around_the_block_sizes_agree_with_the_direct_sums(more):
    lanes = machine().lanes(4)
    NR, KC = NR_VECTORS * lanes, machine().l1.size // 2 // (NR_VECTORS * machine().vector_bytes)
    check((1, KC + more, NR + more, (4 * MR, 4 * 2), 1))
    check((MR + more, lanes + more, 2 * NR + more, (4, 4), 1))


def test_a_panel_of_weights_fits_the_caches_at_all_points():
    host = machine()
    for points in (16, 25, 36):
        for C in (1, 16, 100, 512, 2048):
            KC, lanes = plan.channels_of_panel(C, points, 4), host.lanes(4)
            row = NR_VECTORS * host.vector_bytes
            assert KC % lanes == 0 and 0 < KC < C + lanes
            assert lanes == KC or KC * row <= host.l1.size // 2 + lanes * row
            assert lanes == KC or KC * row * points <= host.l2.size // 2 + lanes * row * points


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_weights_are_multiplied_at_once_where_images_are_small(known, monkeypatch):
    monkeypatch.setattr(plan, "machine", lambda: known)
    of = lambda *shape: plan.plan_of.__wrapped__(shape, shape[1], 4, 2)  # noqa: E731
    assert of(1, 512, 14, 14).panels_of_weights and of(1, 512, 7, 7).panels_of_weights
    assert not of(1, 64, 224, 224).panels_of_weights
    assert not of(8, 64, 56, 56).panels_of_weights


def test_every_output_is_in_one_block():
    for shape in ((1, 512, 14, 14), (2, 70, 30, 41), (3, 16, 9, 9), (1, 1, 1, 1), (0, 8, 5, 5)):
        sizes, _, blocks, _ = plan.plan_of(shape, 64, 4, 3)
        N, R, OH, _ = shape
        strips = -(-R // sizes.strip) * sizes.strip
        found = np.zeros((N * -(-OH // sizes.tile), strips), int)
        for r0, r1, o0, o1 in blocks:
            found[r0:r1, o0:o1] += 1
            assert o1 - o0 <= sizes.NC
        assert (found == 1).all()


def test_the_multiplications_of_a_layer_are_those_of_its_tiles():
    assert multiply_adds((1, 512, 28, 28), 512) == 7 * 7 * 36 * 512 * 512
    assert multiply_adds((1, 64, 9, 9), 64) == 3 * 3 * 25 * 64 * 64  # tiles of 3x3: no waste


def test_results_are_bitwise_independent_of_the_number_of_threads():
    found = []
    for count in (1, 2, 5):
        set_num_threads(count)
        found.append(results("winograd", *LAYERS[-1]))
    for one, two, five in zip(*found, strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, five)


@pytest.mark.parametrize(
    ("window", "groups", "dtype"),
    [
        (Window(3, 2, 1), 1, np.float32),
        (Window(3, 1, 2, 2), 1, np.float32),
        (Window((3, 1)), 1, np.float32),
        (Window(3), 2, np.float32),
    ],
)
def test_other_layers_are_refused(window, groups, dtype):
    x = np.zeros((1, 4, 8, 8), dtype)
    w = np.zeros((4, 4 // groups, *window.kernel), dtype)
    with use("winograd"), pytest.raises(RuntimeError, match="implementation 'winograd' cannot do"):
        conv2d_forward(x, w, window, groups)
