"""The peak counts the operations that the micro-kernel does."""

import numpy as np
import pytest

import minitorch_cnn as mt

pytest.importorskip("numba")

from minitorch_cnn.kernels import peak


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_operations_of_a_call_are_those_of_its_tiles(dtype, monkeypatch):
    seen = []
    multiply = peak._multiply
    monkeypatch.setattr(peak, "ROUNDS", 3)
    monkeypatch.setattr(peak, "_multiply", lambda *call: seen.append(call) or multiply(*call))
    work, operations = peak.tile_products(dtype)
    work()
    for _, a, b, *_ in seen:
        a[:], b[:] = 1, 2
    work()
    done = sum(call[4].sum() for call in seen[: len(seen) // 2])  # 2 per multiply-add
    assert len(seen) == 2 * mt.get_num_threads() and done == operations
