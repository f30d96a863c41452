"""Which windows are tiles; the implementation test checks their averages."""

import pytest

from minitorch_cnn.kernels import Window

pytest.importorskip("numba")


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (Window(2, 2), (4, 6)),
        (Window((2, 3), (2, 3)), (5, 5)),
        (Window(2, 2, ceil_mode=True), (4, 6)),
        (Window(1), (3, 3)),
    ],
    ids=str,
)
def test_adjacent_windows_are_tiles_for_any_remainder(window, size):
    from minitorch_cnn.kernels.pool2d.tiles import are_tiles

    assert are_tiles(window, *size)


@pytest.mark.parametrize(
    "window",
    [
        Window(2, 1),
        Window((2, 2), (2, 3)),
        Window(2, 2, 1),
        Window(2, 2, dilation=2),
        Window((2, 3), (2, 3), ceil_mode=True),
    ],
    ids=str,
)
def test_windows_that_overlap_leave_gaps_or_reach_outside_are_no_tiles(window):
    from minitorch_cnn.kernels.pool2d.tiles import are_tiles

    assert not are_tiles(window, 6, 8)
