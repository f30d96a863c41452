"""The exponentials of kernels against the C library's, in float64."""

import math

import numpy as np
import pytest

FUNCTIONS = {
    "exp": (math.exp, (-87.3, 88.37), 2e-7),
    "exp_minus_1": (math.expm1, (-30.0, 88.0), 2e-7),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), (-86.0, 30.0), 2e-7),
    "normal cdf": (lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), (-9.0, 9.0), 6e-6),
    "normal density": (lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi), (-9.0, 9.0), 6e-6),
}


@pytest.fixture(scope="module")
def evaluated():
    """All functions of kernels/exponential.py of each number of x, by name."""
    numba = pytest.importorskip("numba")
    from minitorch_cnn.kernels.exponential import exp, exp_minus_1, normal, sigmoid

    @numba.njit
    def each(x, y):
        for i in range(x.size):
            below, density = normal(x[i])
            y[0, i], y[1, i], y[2, i] = exp(x[i]), exp_minus_1(x[i]), sigmoid(x[i])
            y[3, i], y[4, i] = below, density

    def evaluate(x):
        y = np.empty((5, x.size), np.float32)
        each(x, y)
        return dict(zip(FUNCTIONS, y, strict=True))

    return evaluate


def test_kernels_that_ask_for_it_use_the_longest_vectors():
    numba = pytest.importorskip("numba")
    from llvmlite import binding

    from minitorch_cnn.kernels.exponential import in_long_vectors

    if not binding.get_host_cpu_features().get("avx512f"):
        pytest.skip("registers of 512 bits are AVX-512's")

    @numba.njit
    def negate(x):
        in_long_vectors()
        for i in range(x.size):
            x[i] = -x[i]

    negate(np.ones(3, np.float32))
    assert "zmm" in negate.inspect_asm(negate.signatures[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_relative_error_is_as_small_as_the_docstring_says(evaluated, name):
    exact, (low, high), error = FUNCTIONS[name]
    x = np.concatenate([np.linspace(low, high, 5001), np.geomspace(1e-20, 1, 99)])
    x = np.concatenate([x, -x[-99:]]).astype(np.float32)
    expected = [exact(float(value)) for value in x]
    np.testing.assert_allclose(evaluated(x)[name], expected, rtol=error)


@pytest.mark.parametrize("x", [np.linspace(-1, 6, 5001), np.geomspace(1e-20, 1, 99)])
def test_the_normal_distribution_is_exact_in_the_middle(evaluated, x):
    exact = FUNCTIONS["normal cdf"][0]
    x = x.astype(np.float32)
    expected = [exact(float(value)) for value in x]
    np.testing.assert_allclose(evaluated(x)["normal cdf"], expected, rtol=6e-7)


def test_beyond_float32_results_are_the_limits_and_nan_stays_nan(evaluated):
    y = evaluated(np.array([-np.inf, -1e30, -200, 200, 1e30, np.inf, np.nan], np.float32))
    limits = {
        "exp": (0, np.inf),
        "exp_minus_1": (-1, math.expm1(88.375)),  # where it ends
        "normal density": (0, 0),
    }
    for name in FUNCTIONS:
        low, high = limits.get(name, (0, 1))
        np.testing.assert_allclose(y[name], [low] * 3 + [high] * 3 + [np.nan], rtol=2e-7)
