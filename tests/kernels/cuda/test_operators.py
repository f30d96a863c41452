"""Properties of the CUDA kernels of all memory-bound operators."""

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, activation, optimizer, use
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.emulator import emulated
from tests.kernels.implementation_check import (
    ActivationCase,
    BatchNormCase,
    CrossEntropyCase,
    LocalResponseNormCase,
    OptimizerCase,
    PoolCase,
    assert_agrees_with_loops,
)

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)


@pytest.mark.parametrize(
    "case",
    [
        PoolCase(2, (7, 6), Window((3, 2), (2, 1), 1), odd_values=True, dtype=np.float32),
        BatchNormCase((3, 4, 5, 8), dtype=np.float32),
        LocalResponseNormCase((2, 6, 3, 3), 5, dtype=np.float32),
        ActivationCase("gelu_tanh", (), dtype=np.float32),
        CrossEntropyCase((3, 40, 1), weighted=True, smoothing=0.1),
        CrossEntropyCase((3, 5, 4), weighted=True, smoothing=0.1),
        OptimizerCase("sgd_step", (True,), (0.1, 0.9, 1.0, 1e-2, True), np.float32),
    ],
    ids=lambda case: type(case).__name__,
)
def test_no_kernel_has_undefined_behaviour(case):
    with emulated(sanitize=True):
        assert_agrees_with_loops(case, "emulator")


@pytest.mark.parametrize("kind", activation.KINDS)
def test_activations_of_aligned_arrays_agree_with_the_loops(kind):
    settings = (0.3, 1.1)[: activation.KINDS[kind]]
    case = ActivationCase(kind, settings, (3, 64), np.float32)
    assert_agrees_with_loops(case, "emulator")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_of_aligned_arrays_agree_with_the_loops(dtype):
    start, g = rng.standard_normal((2, 8, 8)).astype(dtype)
    results = {}
    for implementation in ("loops", "emulator"):
        p, v, m, s, largest = (start.copy() for _ in range(5))
        np.abs(s, out=s)
        with use(implementation), emulated(guards=True):
            optimizer.sgd_step(p, g, v, 0.1, 0.9, 0.5, 1e-2, True)
            optimizer.adam_step(p, g, m, s, largest, 3, 0.1, (0.9, 0.99), 1e-8, 1e-2, True)
        results[implementation] = p, v, m, s, largest
    for got, want in zip(results["emulator"], results["loops"], strict=True):
        assert np.allclose(got, want, rtol=1e-5, atol=1e-6)
