"""Kernels that add in any order, on terms of very different size, against NumPy in float64."""

import ast
from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn import kernels
from minitorch_cnn.kernels import batch_norm, cross_entropy, pool2d, prelu, use

pytest.importorskip("numba")

SOURCES = Path(kernels.__file__).parent
C, L = 3, 5000  # more than kernels add up in single precision


def _rows(dtype):
    """name -> (C, L), terms of which a wrong order loses the small ones."""
    rng = np.random.default_rng(7)
    normal = rng.standard_normal((C, L))
    signs = np.where(np.arange(L) % 2, -1.0, 1.0)
    one_large = np.ones((C, L))
    one_large[:, 17] = 1e8
    found = {
        "around a large mean": 1e4 + 1e-2 * normal,
        "one that is large": one_large,
        "alternating": 1e8 * signs + normal,
        "growing": np.logspace(-8, 8, L) * signs * np.ones((C, 1)),
        "nearly constant": np.where(np.arange(L) == 3, 1e-3, 0.0) + np.full((C, L), 1e3),
    }
    return {name: array.astype(dtype) for name, array in found.items()}


def assert_adds_up(found, terms, axis, name, count=1):
    """found is the sum of terms (float64) over count, but for the rounding of partial sums.

    In a vector of eight, 4,096 terms make 512 additions, whose roundings seldom have one sign.
    """
    wrong = np.abs(found - terms.sum(axis) / count)
    bound = 64 * np.finfo(found.dtype).eps * np.abs(terms).sum(axis) / count
    assert (wrong <= bound).all(), f"{name}: {wrong}"


def statistics(dtype):
    for name, rows in _rows(dtype).items():
        mean, var = batch_norm.batch_norm_statistics(rows[None])
        exact, eps = rows.astype(np.float64), np.finfo(dtype).eps
        spread = np.abs(exact - exact.mean(1, keepdims=True)).mean()
        np.testing.assert_allclose(mean, exact.mean(1), rtol=eps, atol=64 * eps * spread)
        np.testing.assert_allclose(var, exact.var(1), rtol=64 * eps, err_msg=name)


def batch_norm_gradients(dtype):
    weight, bias, gy = np.full(C, 2, dtype), np.zeros(C, dtype), _rows(dtype)["growing"]
    for name, rows in _rows(dtype).items():
        exact = rows.astype(np.float64)
        mean = exact.mean(1).astype(dtype)
        invstd = (1 / np.sqrt(exact.var(1) + 1e-5)).astype(dtype)
        for relu in (False, True):
            arguments = gy[None], rows[None], weight, bias, mean, invstd, relu
            gx, gw, gb = batch_norm.batch_norm_backward(*arguments)
            # The subtraction is exact or rounded once, in the kernel as in the formula.
            centred = (rows - mean[:, None]).astype(np.float64)
            passed = gy.astype(np.float64) * (~(centred <= 0) if relu else 1)
            xhat = centred * invstd[:, None].astype(np.float64)
            assert_adds_up(gb, passed, 1, name)
            assert_adds_up(gw, passed * xhat, 1, name)
            want = passed - gb[:, None] / L - xhat * gw[:, None].astype(np.float64) / L
            size = np.abs(passed) + np.abs(gb[:, None]) / L + np.abs(xhat * gw[:, None]) / L
            wrong = np.abs(gx[0] / (2.0 * invstd[:, None]) - want)
            assert (wrong <= 20 * np.finfo(dtype).eps * size).all(), name


def slopes(dtype):
    gy = _rows(dtype)["alternating"]
    for name, rows in _rows(dtype).items():
        rows = -np.abs(rows)
        gw = prelu.prelu_backward(gy[None], rows[None], np.ones(C, dtype)).gw
        assert_adds_up(gw, gy.astype(np.float64) * rows, 1, name)


def means(dtype):
    for name, rows in _rows(dtype).items():
        y = pool2d.adaptive_avg_pool2d_forward(rows.reshape(1, C, 50, 100), (1, 1))
        assert_adds_up(y[0, :, 0, 0], rows.astype(np.float64), 1, name, L)


def adaptive_means(dtype):
    for name, rows in _rows(dtype).items():
        y = pool2d.adaptive_avg_pool2d_forward(rows.reshape(1, C, 50, 100), (2, 5))
        tiles = rows.astype(np.float64).reshape(C, 2, 25, 5, 20).swapaxes(2, 3)
        assert_adds_up(y[0], tiles.reshape(C, 2, 5, -1), -1, name, 25 * 20)


def entropies(dtype):
    infinite = -np.inf
    for row in (
        [1e5, 1e5, 0],
        [1e3, 1e3, 0],
        [-1e3, -1e3 + 1, -2e3],
        [1e30, 1e30, 1],
        [1e38, 1e38, -1e38],
        [1e8, 1e8 - 8, 1e8 + 8],
        [1e4, 1e4 - 1e-2, 1e4 - 3],
        [0, 1e-8, -1e-8],
        [5, infinite, 5],
        [-1e30, -1e30, infinite],
        [1e5] * 1000,
        np.linspace(99_990, 100_000, 999),
    ):
        x = np.array(row, dtype)[None, :, None]
        exact = x.astype(np.float64)[0, :, 0]
        # In float64 a sum of 1e30 and 0.7 would lose the second: the difference comes first.
        below = exact - exact.max()
        logs = np.log(np.exp(below).sum()) - below
        for target in np.flatnonzero(np.isfinite(exact))[:3]:
            y, *_ = cross_entropy.cross_entropy_forward(x, np.array([[target]]))
            np.testing.assert_allclose(y[0, 0], logs[target], rtol=2e-6, atol=1e-7)
            if np.isfinite(logs).all():
                settings = np.array([[target]]), None, -100, 0.25
                y, *_ = cross_entropy.cross_entropy_forward(x, *settings)
                want = 0.75 * logs[target] + 0.25 / logs.size * logs.sum(where=logs < 1e300)
                if want < 1e38:
                    np.testing.assert_allclose(y[0, 0], want, rtol=2e-6)


CASES = {
    "batch_norm._moments": statistics,
    "batch_norm._backward": batch_norm_gradients,
    "prelu._backward": slopes,
    "pool2d._mean": means,
    "pool2d._adaptive_avg_forward": adaptive_means,
    "cross_entropy._forward_rows": entropies,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", CASES)
@pytest.mark.parametrize("implementation", ["numpy", "numba"])
def test_terms_of_very_different_magnitude_are_added_as_in_float64(implementation, kernel, dtype):
    if (implementation, kernel, dtype) == ("numba", "cross_entropy._forward_rows", np.float64):
        pytest.skip("there is no such kernel")
    with use(implementation):
        CASES[kernel](dtype)


def test_every_kernel_that_adds_in_any_order_is_tested_here():
    adding, relaxed = set(), set()
    for path in SOURCES.rglob("*.py"):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef):
                place = f"{path.relative_to(SOURCES).parts[0].removesuffix('.py')}.{function.name}"
                names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
                keywords = {
                    node.arg for node in ast.walk(function) if isinstance(node, ast.keyword)
                }
                adding |= {place} if "added" in names else set()
                relaxed |= {place} if "any_order" in keywords else set()
    assert relaxed - {"jit.kernel"} == {"sums.added"}
    assert adding == set(CASES)


def test_functions_that_add_in_any_order_are_inlined():
    # A kernel that is called exists twice, by itself and in its caller, compiled differently, and
    # which one runs depends on what was compiled and what was loaded before.
    inline, called, adding = set(), set(), set()
    for path in SOURCES.rglob("*.py"):
        for function in ast.parse(path.read_text()).body:
            decorators = getattr(function, "decorator_list", [])
            if any("kernel" in ast.unparse(decorator) for decorator in decorators):
                names = {
                    node.func.id
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                }
                called |= {(path, name) for name in names}
                adding |= {(path, function.name)} if "added" in names else set()
                if any("inline=True" in ast.unparse(decorator) for decorator in decorators):
                    inline.add((path, function.name))
    assert adding & called and adding & called <= inline
