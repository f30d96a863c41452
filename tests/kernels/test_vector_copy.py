"""Copies of runs by whole vectors: what they write, and that they keep everything else."""

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels.jit import kernel
from minitorch_cnn.kernels.micro_kernel import MR, lanes
from minitorch_cnn.kernels.vector_copy import (
    copy_columns,
    copy_rows,
    copy_shifted,
    copy_strided,
    spread_run,
)

X = np.arange(1.0, 400.0)
COUNTS = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40]


@kernel
def _spread(x, y, step, count):
    spread_run(x, 3, y, 5, step, count)


@kernel
def _strided(x, y, step, count):
    copy_strided(x, 3, step, y, 5, count)


@kernel
def _shifted(x, shifts, y, row, count, beyond):
    copy_shifted(x, 3, shifts, y, 5, row, count, beyond)


@kernel
def _weights(x, y, z):
    copy_rows(x, 3, 20, y, 5)
    copy_columns(x, 3, 7, 20, z, 5)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("count", COUNTS)
def test_a_run_spreads_over_every_step_th_number_and_keeps_those_between(step, count):
    y, expected = np.zeros(150), np.zeros(150)
    _spread(X, y, step, count)
    expected[5 : 5 + step * count : step] = X[3 : 3 + count]
    assert (y == expected).all()


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("count", COUNTS)
def test_every_step_th_number_is_copied_to_a_run(step, count):
    y, expected = np.zeros(60), np.zeros(60)
    _strided(X, y, step, count)
    expected[5 : 5 + count] = X[3 : 3 + step * count : step]
    assert (y == expected).all()


@pytest.mark.parametrize("beyond", [True, False])
@pytest.mark.parametrize("count", COUNTS)
def test_shifted_runs_go_to_rows_that_they_leave_only_if_they_may(beyond, count):
    shifts, row = np.array([0, 4, 50]), 60
    y, expected = np.zeros(200), np.zeros(200)
    _shifted(X, shifts, y, row, count, beyond)
    end = -(-count // lanes(np.float64)) * lanes(np.float64) if beyond else count
    for t, shift in enumerate(shifts):
        at = 5 + t * row
        expected[at : at + end] = X[3 + shift : 3 + shift + end]
    assert (y == expected).all()


def test_rows_and_columns_of_weights_become_adjacent():
    y, z = np.zeros(80), np.zeros(80)
    _weights(X, y, z)
    few = max(1, lanes(np.float64) // MR)
    rows = [X[3 + 20 * k + r] for k in range(few) for r in range(MR)]
    columns = [X[start + 20 * r] for start in (3, 7) for r in range(MR)]
    for array, copied in ((y, rows), (z, columns)):
        expected = np.zeros(80)
        expected[5 : 5 + len(copied)] = copied
        assert (array == expected).all()
