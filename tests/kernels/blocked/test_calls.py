"""Recorded calls: their results, and that arrays can be exchanged."""

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels.blocked import Record, Records, addition, blocked, function
from tests.kernels.blocked.arrays import places, stored


@pytest.mark.parametrize("size", [4, 64])  # for one thread, for all
def test_recorded_calls_run_in_order_and_take_exchanged_arrays(size, rng):
    at = blocked((2, 40, size, size))
    a, b = (rng.standard_normal(at.shape).astype(np.float32) for _ in range(2))
    x, y, total = stored(a, at), np.zeros(at.size, np.float32), np.zeros(at.size, np.float32)
    first = Record(function("Clip", at, at, 0, math.inf, np.float32), (x, y))
    second = Record(addition(at, at, at, -math.inf, math.inf, np.float32), (x, y, total))
    records = Records([first, second])
    records.run()
    np.testing.assert_array_equal(total[places(at)], a + a.clip(0))
    other = stored(b, at)
    for record in (first, second):
        record.exchange(0, other)
    result = np.zeros_like(total)
    second.exchange(2, result)
    records.run()
    np.testing.assert_array_equal(result[places(at)], b + b.clip(0))
