"""The speed of the micro-kernel alone: the limit of arithmetic on this machine.

It multiplies a tile over and over, whose operands stay in half of the first-level cache. No kernel
of the operators can be faster, since each must also move its arrays.
"""

from collections.abc import Callable

import numpy as np

from .jit import kernel
from .machine import machine
from .micro_kernel import MR, NR_VECTORS, lanes, multiply_tile
from .threads import get_num_threads, parallel_for

ROUNDS = 20_000  # tiles of a call: about 10 milliseconds, much longer than threads take to begin


@kernel
def _multiply(rounds, a, b, steps, c, columns):
    for _ in range(rounds):
        multiply_tile(NR_VECTORS, a, 0, 1, MR, b, 0, steps, len(steps), c, 0, columns, True)


def tile_products(dtype: np.dtype | type) -> tuple[Callable[[], None], int]:
    """A function that multiplies tiles on every thread, and the number of its operations.

    dtype: float32 or float64. An addition and a multiplication are two operations.
    """
    dtype, threads = np.dtype(dtype), get_num_threads()
    columns = NR_VECTORS * lanes(dtype)
    depth = machine().l1.size // 2 // (dtype.itemsize * (MR + columns))
    steps = columns * np.arange(depth)
    operands = [
        (np.zeros(depth * MR, dtype), np.zeros(depth * columns, dtype), steps,
         np.zeros(MR * columns, dtype), columns)
        for _ in range(threads)
    ]  # fmt: skip

    def work() -> None:
        parallel_for(lambda k: _multiply(ROUNDS, *operands[k]), threads)

    return work, 2 * threads * ROUNDS * depth * MR * columns
