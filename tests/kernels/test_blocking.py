"""The block sizes: what stays in a cache fits it, and one step more would not."""

import pytest

from minitorch_cnn.kernels.blocking import blocking
from minitorch_cnn.kernels.machine import KNOWN, LINE_BYTES, Cache

SHAPES = {"avx512": (8, 48), "avx2": (4, 24), "sse": (4, 8), "neon": (8, 12)}  # MR, NR: float32


def way(cache):
    return cache.size // cache.ways


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("name", SHAPES)
def test_a_step_more_of_any_block_would_not_fit_its_cache(name, threads):
    machine, (MR, NR) = KNOWN[name], SHAPES[name]
    KC, NC, MC = blocking(machine, MR, NR, 4, threads)
    assert NC % NR == 0 and MC % MR == 0
    l1, l2, l3 = machine.l1, machine.l2, machine.l3
    assert MR * KC * 4 <= l1.size / 4 < MR * (KC + 1) * 4

    def ways(size, cache):
        return -(-size // way(cache))

    panel = ways(MR * KC * 4, l2)
    assert ways(KC * NC * 4, l2) + panel + 1 <= l2.ways < ways(KC * (NC + NR) * 4, l2) + panel + 1
    block = ways(threads * KC * NC * 4, l3)
    if block + 2 <= l3.ways:
        assert ways(KC * MC * 4, l3) + block + 1 <= l3.ways
        assert ways(KC * (MC + MR) * 4, l3) + block + 1 > l3.ways


def test_the_sizes_of_common_machines():
    assert blocking(KNOWN["avx512"], 8, 48, 4, 2) == (256, 864, 13312)
    assert blocking(KNOWN["avx2"], 4, 24, 4, 2) == (512, 192, 7168)
    assert blocking(KNOWN["avx512"], 8, 24, 8, 2)[0] == 128  # half as many numbers of 8 bytes


@pytest.mark.parametrize("size", [LINE_BYTES, 2 * LINE_BYTES, 2**10])
def test_the_smallest_caches_still_give_a_tile(size):
    tiny = KNOWN["avx2"]._replace(l1=Cache(size, 1), l2=Cache(size, 1), l3=Cache(size, 1))
    KC, NC, MC = blocking(tiny, 4, 24, 4)
    assert KC >= 1 and NC >= 24 and MC >= 4
