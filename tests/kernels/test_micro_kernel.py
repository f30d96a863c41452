"""The micro-kernel's shape."""

import pytest

from minitorch_cnn.kernels.machine import KNOWN

pytest.importorskip("numba")

from minitorch_cnn.kernels.micro_kernel import tile_shape


@pytest.mark.parametrize(
    "name, shape", [("avx512", (8, 3)), ("avx2", (4, 3)), ("sse", (4, 2)), ("neon", (8, 3))]
)
def test_a_tile_and_its_factors_fit_the_registers(name, shape):
    rows, vectors = tile_shape(KNOWN[name])
    assert (rows, vectors) == shape
    assert rows * vectors + vectors + 1 <= KNOWN[name].registers
