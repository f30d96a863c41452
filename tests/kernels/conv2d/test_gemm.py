"""The GEMM convolution: shapes around every block size, and no access outside its arrays."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, set_num_threads, use
from minitorch_cnn.kernels.conv2d import conv2d_forward
from minitorch_cnn.kernels.machine import Cache, machine
from tests.kernels.conv2d.products import products

pytest.importorskip("numba")

from minitorch_cnn.kernels.blocking import blocking
from minitorch_cnn.kernels.conv2d import gemm
from minitorch_cnn.kernels.conv2d.gemm import plan
from minitorch_cnn.kernels.micro_kernel import MR, NR_VECTORS, lanes

NR = NR_VECTORS * lanes(np.float64)
TINY = machine()._replace(l1=Cache(2**11, 8), l2=Cache(2**14, 4), l3=Cache(2**15, 4))
KC, NC, MC = blocking(TINY, MR, NR, 8)
AROUND = (-1, 0, 1)


@pytest.fixture
def tiny_caches(monkeypatch):
    """Blocks of a few elements, so that small convolutions have several of each."""
    monkeypatch.setattr(plan, "machine", lambda: TINY)
    _forget_plans()
    set_num_threads(1)
    yield
    _forget_plans()


def _forget_plans():
    gemm._forward_plans.cache_clear()
    gemm._input_plans.cache_clear()


def check(x_shape, w_shape, window, groups=1):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(x_shape), rng.standard_normal(w_shape)
    gy = rng.standard_normal((x_shape[0], w_shape[0], *window.output_size(*x_shape[2:])))
    found = {}
    for implementation in ("numba", "numpy"):
        with use(implementation):
            found[implementation] = products(x, w, gy, window, groups)
    for got, want in zip(found["numba"], found["numpy"], strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 * max(np.abs(want).max(), 1))


def test_the_tiny_caches_give_blocks_of_several_tiles():
    assert 4 <= KC <= 64 and NR < NC <= 8 * NR and MR < MC <= 64 * MR


@pytest.mark.parametrize("terms", [KC, 2 * KC, 3 * KC // 2])
@pytest.mark.parametrize("rows, positions", [(MR, NR), (2 * MR, NC), (MC, NR)])
@pytest.mark.parametrize("more", AROUND)
def test_shapes_around_every_block_size_agree_with_numpy(tiny_caches, terms, rows, positions, more):
    for k in AROUND:
        for p in AROUND:
            check((1, terms + k, 1, positions + p), (rows + more, terms + k, 1, 1), Window(1))


@pytest.mark.parametrize("more", AROUND)
def test_blocks_of_several_taps_and_images_agree_with_numpy(tiny_caches, more):
    channels = KC // 3 + more
    check((3, channels, 4, NR // 2 + more), (MR + 1, channels, 1, 3), Window((1, 3), 1, (0, 1)))
    check((5, channels, 3, 3), (MR - 1, channels, 3, 3), Window(3, 2, 1))
    check((2, 2 * channels, 5, 7), (2 * MR, channels, 2, 2), Window(2, (1, 2), 1, (2, 1)), 2)


@pytest.mark.parametrize("size", [(23, 23), (1, 547), (28, 40), (60, 18)])
def test_the_weight_gradient_of_pointwise_kernels_cuts_planes_into_lines(size):
    for C, O in ((5, 3), (40, 20), (200, 9)):
        check((3, C, *size), (O, C, 1, 1), Window((1, 1)))


@pytest.mark.parametrize("C, groups", [(1, 1), (3, 1), (5, 1), (4, 2), (9, 3)])
def test_the_weight_gradient_of_few_channels_stacks_the_rows_of_taps(C, groups):
    for kernel, stride, dilation in (((3, 3), 1, 1), ((5, 4), 2, (2, 1)), ((2, 7), (3, 2), 1)):
        window = Window(kernel, stride, 2, dilation)
        check((2, C, 31, 27), (6 * groups, C // groups, *kernel), window, groups)


def test_the_weight_gradient_of_one_large_image_is_a_sum_of_parts():
    check((1, 20, 64, 64), (16, 20, 3, 3), Window((3, 3), 1, 1))


def test_the_epilogue_follows_the_last_block_of_terms(tiny_caches):
    rng = np.random.default_rng(1)
    x, w = (
        rng.standard_normal((2, 2 * KC + 1, 5, 7)),
        rng.standard_normal((MR + 3, 2 * KC + 1, 1, 1)),
    )
    x[0, 3, 2, 2], bias = np.nan, rng.standard_normal(MR + 3)
    found = {}
    for implementation in ("numba", "numpy"):
        with use(implementation):
            found[implementation] = conv2d_forward(x, w, Window(1), 1, bias, True)
    assert np.isnan(found["numba"]).sum() == MR + 3 and (found["numba"] == 0).any()
    np.testing.assert_allclose(found["numba"], found["numpy"], rtol=0, atol=1e-11)


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 70, 15, 15)), rng.standard_normal((90, 70, 1, 1))
    found = []
    for count in (1, 2, 5):
        set_num_threads(count)
        with use("numba"):
            found.append(conv2d_forward(x, w, Window(1)))
    assert all(np.array_equal(found[0], other) for other in found[1:])


COMPILED = "numba", "winograd", "direct"


def run(count, seed, *names, **environment):
    """Compute random convolutions between guard pages, in a process of its own."""
    script = f"from tests.kernels.conv2d.guarded import main; main({count}, {seed}, *{names})"
    path = os.pathsep.join([os.getcwd(), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-2000:]


posix = pytest.mark.skipif(os.name != "posix", reason="guard pages by mprotect")


@posix
def test_no_implementation_reads_or_writes_outside_its_arrays():
    run(100, 0, *COMPILED)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", COMPILED)
def test_no_implementation_reads_or_writes_outside_its_arrays_in_many_cases(name):
    run(2000, 1, name)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", ["avx2", "sse"])
def test_kernels_for_other_machines_agree_and_stay_within_their_arrays(name):
    if name == "avx2" and machine().instructions == "sse":
        pytest.skip("this processor has no AVX2")
    run(200, 2, *COMPILED, MINITORCH_CNN_MACHINE=name)
