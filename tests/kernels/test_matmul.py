"""A product does not depend on threads, and leaves BLAS as it was."""

import numpy as np
import pytest
from minitorch_cnn.kernels import get_num_threads, set_num_threads
from minitorch_cnn.kernels.matmul import matmul

rng = np.random.default_rng(5)
SHAPES = [(3, 4, 5), (64, 400, 120), (300, 200, 500), (700, 300, 11), (4, 3000, 900), (0, 5, 900)]


def matrices(m, k, n, dtype):
    return (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_it_is_the_product_also_of_views(shape, dtype):
    a, b = matrices(*shape, dtype)
    turned = np.asfortranarray(b)
    expected = np.einsum("mk,kn->mn", a.astype(np.float64), b.astype(np.float64))
    atol = (1e-4 if dtype == np.float32 else 1e-11) * max(1.0, np.abs(expected).max(initial=0))
    for right in (b, turned, np.repeat(b, 2, axis=1)[:, ::2]):
        y = matmul(a, right)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=0, atol=atol)


def test_leading_axes_are_broadcast():
    a, b = rng.standard_normal((3, 1, 2, 4)), rng.standard_normal((5, 4, 6))
    np.testing.assert_allclose(matmul(a, b), np.einsum("aimk,bkn->abmn", a, b))


@pytest.mark.parametrize("shape", SHAPES[2:5], ids=str)
def test_the_number_of_threads_changes_no_bit(shape):
    a, b = matrices(*shape, np.float32)
    before, found = get_num_threads(), []
    for count in (1, 2, 5):
        set_num_threads(count)
        found.append(matmul(a, b))
    set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


def test_blas_has_one_thread_within_and_its_own_number_after(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def count():
        found = threadpoolctl.threadpool_info()
        return {library["num_threads"] for library in found if library["user_api"] == "blas"}

    within, product = [], np.matmul

    def watched(*args, **settings):
        within.append(count())
        return product(*args, **settings)

    monkeypatch.setattr(np, "matmul", watched)
    a, b = matrices(300, 200, 300, np.float64)
    with threadpoolctl.threadpool_limits(3, "blas"):
        matmul(a, b)
        assert within and all(found == {1} for found in within)
        assert count() == {3}
