"""The convolution whose lanes are output channels: runs, bands, blocks, shared vectors and parts of
them, beyond the implementation test.
"""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.conv2d import conv2d_forward, lanes
from minitorch_cnn.kernels.machine import machine
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.products import drawn_products

pytest.importorskip("numba")

LANES = machine().lanes(4)

# groups, channels and outputs a group, size, window: every stride, padding on all sides and on
# none, more than the kernel reaches, dilation, kernels longer than planes, gaps in a gradient
LAYERS = [
    (1, 5, 40, (14, 14), Window(3, padding=1)),
    (1, 40, 5, (15, 28), Window(3, 2, 1)),
    (6, 24, 32, (18, 18), Window(3, 2, 1)),
    (4, 8, 8, (28, 28), Window(3, padding=1)),
    (4, 4, 4, (10, 56), Window(3, padding=1)),
    (4, 8, 8, (28, 28), Window(3, 2, 1)),
    (3, 3, 2, (9, 40), Window((2, 5), (1, 2), ((2, 0), (0, 3)))),
    (1, 7, 33, (7, 7), Window(5, 1, 2)),
    (1, 20, 24, (28, 30), Window(1, 2)),
    (1, 20, 24, (11, 13), Window(1)),
    (1, 3, 20, (41, 37), Window(7, 3, 3)),
    (2, 3, 5, (9, 12), Window(3, 1, 2, 2)),
    (2, 2, 3, (12, 9), Window((1, 7), (2, 1), (0, 3))),
    (1, 2, 3, (4, 5), Window(1, 2, 1)),
    (8, 2, 1, (14, 9), Window((1, 3), (3, 1), ((1, 0), (0, 0)))),
    (1, 2, 3, (1, 1), Window(3, 2, 1)),
    (1, 3, 2, (2, 1), Window((2, 5), 1, (1, 2))),
]
# Output channels around one to three vectors and halves of them; rows around runs.
AROUND = [
    (1, 3, max(1, count), (5, 9), Window(3, padding=1))
    for middle in (LANES // 4, LANES // 2, LANES, 2 * LANES, 3 * LANES)
    for count in (middle - 1, middle, middle + 1)
] + [(2, 3, LANES, (3, width), Window(3, padding=1)) for width in range(1, 30)]


def results(implementation, groups, channels, outputs, size, window, dtype=np.float64):
    shapes = (3, groups * channels, *size), (groups * outputs, channels, *window.kernel)
    return drawn_products(implementation, *shapes, window, groups, dtype)


def check(layer, dtype, error):
    exact = results("numpy", *layer)
    for got, want in zip(results("channels", *layer, dtype=dtype), exact, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=error * max(np.abs(want).max(), 1e-300))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_all_directions_agree_with_numpy(layer, dtype, error):
    check(layer, dtype, error)


def test_sizes_around_vectors_and_runs_agree_with_numpy():
    for layer in AROUND:
        check(layer, np.float32, 5e-6)


def test_planes_that_exceed_the_cache_are_cut_into_bands():
    rows = machine().l2.size // (4 * 90 * 8) + 5
    for window in (Window(3, padding=1), Window(3, 2, 1), Window((3, 2), (2, 1))):
        check((1, 8, 3, (rows, 90), window), np.float32, 5e-6)


def test_results_are_bitwise_independent_of_the_number_of_threads():
    for layer in LAYERS[:4]:
        found = []
        for count in (1, 2, 5):
            set_num_threads(count)
            found.append(results("channels", *layer, dtype=np.float32))
        for one, two, five in zip(*found, strict=True):
            assert np.array_equal(one, two) and np.array_equal(one, five)


def test_old_contents_of_scratch_memory_do_not_affect_results():
    results("channels", 1, 40, 40, (30, 30), Window(3))
    with use("channels"):
        y = conv2d_forward(np.ones((1, 2, 6, 6)), np.ones((3, 2, 3, 3)), Window(3, padding=2))
    sums = np.convolve(np.ones(6), np.ones(3))
    assert np.array_equal(y, np.broadcast_to(2 * np.outer(sums, sums), (1, 3, 8, 8)))


def test_an_infinite_input_affects_only_its_window():
    x = np.ones((1, 3, 12, 14))
    x[0, 1, 5, 6] = np.inf
    with use("channels"):
        y = conv2d_forward(x, np.ones((20, 3, 3, 3)), Window(3, padding=1))
    infinite = np.zeros((12, 14), bool)
    infinite[4:7, 5:8] = True
    assert (np.isinf(y[0]) == infinite).all() and not np.isnan(y).any()


def test_runs_compute_few_positions_twice():
    runs = {7: 7, 14: 7, 28: 7, 56: 7, 9: 3, 18: 6, 15: 5, 12: 6, 2: 2, 1: 1}
    if machine().registers == 32:
        assert {width: lanes.run_of([width]) for width in runs} == runs
    assert lanes.run_of([1]) == 1 and lanes.run_of([4], 2) == 2


def test_thin_groups_share_a_vector_where_rows_are_whole_vectors():
    widths = [4 * LANES]
    assert lanes.share_of(LANES, widths, 4, 1, 1) == 1
    assert lanes.share_of(LANES // 2, widths, 4, 1, 1) == 2
    assert lanes.share_of(LANES // 2, [4 * LANES - 1], 4, 1, 1) == 1  # no whole vectors
    assert lanes.share_of(LANES // 2, widths, 4, 3, 1) == 1  # inputs too far apart
    assert lanes.share_of(LANES // 2, widths, 4, 1, 2) == 1  # outputs apart
