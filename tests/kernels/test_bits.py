"""Maxima of float32 by the order of their bits."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def largest():
    """largest_of, called from Python."""
    numba = pytest.importorskip("numba")
    from minitorch_cnn.kernels.bits import largest_of

    return numba.njit(lambda row: largest_of(row))


@pytest.mark.parametrize("size", [1, 2, 7, 8, 33, 1000])
def test_the_maximum_is_found_for_any_signs(largest, size):
    draw = np.random.default_rng(size).standard_normal
    for shift in (-9, 0, 9):
        row = (draw(size) + shift).astype(np.float32)
        assert largest(row) == row.max()


def test_zeros_infinities_and_nan_are_ordered(largest):
    assert largest(np.array([-np.inf, -1e30], np.float32)) == np.float32(-1e30)
    assert largest(np.array([-1.0, -0.0], np.float32)) == 0
    assert largest(np.array([1e30, np.inf, 1.0], np.float32)) == np.inf
    assert largest(np.full(3, -np.inf, np.float32)) == -np.inf
    assert np.isnan(largest(np.array([1.0, np.nan, np.inf], np.float32)))
