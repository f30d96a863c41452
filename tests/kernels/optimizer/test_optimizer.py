"""Steps of optimizers: every implementation against the loops. PyTorch's are in tests/optim."""

import numpy as np
import pytest

from minitorch_cnn.kernels import optimizer, set_num_threads, use
from tests.kernels.implementation_check import OPTIMIZER_CASES, agreement, other_implementations

rng = np.random.default_rng(5)


test_every_implementation_agrees_with_the_loops = agreement("optimizer", OPTIMIZER_CASES)


def test_the_loops_follow_the_formulas_of_sgd_and_adam():
    p, v, m, s = np.array([1.0]), np.array([2.0]), np.array([0.5]), np.array([0.3])
    g = np.array([3.0])
    with use("loops"):
        optimizer.sgd_step(p, g, v, 0.1, 0.9, 0.5, 0.2, True)
        assert v[0] == pytest.approx(0.9 * 2 + 0.5 * 3.2)
        assert p[0] == pytest.approx(1 - 0.1 * (3.2 + 0.9 * v[0]))
        p[0] = 1
        optimizer.adam_step(p, g, m, s, None, 2, 0.1, (0.8, 0.9), 1e-2, 0.3, True)
    mean, square = (0.8 * 0.5 + 0.2 * 3) / (1 - 0.8**2), (0.9 * 0.3 + 0.1 * 9) / (1 - 0.9**2)
    assert p[0] == pytest.approx(0.97 - 0.1 * mean / (square**0.5 + 1e-2))


@pytest.mark.parametrize("implementation", other_implementations("optimizer"))
def test_views_are_updated_in_place(implementation):
    flat, g = rng.standard_normal((2, 12))
    p = flat.copy()
    whole = np.zeros((12, 2))
    whole[:, 0] = flat
    with use(implementation):
        optimizer.sgd_step(p, g, None, 0.1)
        optimizer.sgd_step(flat[3:].reshape(3, 3), g[3:].reshape(3, 3), None, 0.1)
    np.testing.assert_allclose(flat[3:], p[3:])
    assert not np.allclose(flat[:3], p[:3])
    optimizer.sgd_step(whole[:, 0], g, None, 0.1)
    np.testing.assert_allclose(whole[:, 0], p)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    pytest.importorskip("numba")
    start, g = rng.standard_normal((2, 100_003), dtype=np.float32)
    results = []
    for count in (1, 2, 5):
        set_num_threads(count)
        p, m, s = start.copy(), np.zeros_like(start), np.zeros_like(start)
        optimizer.adam_step(p, g, m, s, None, 1, 0.1, (0.9, 0.99), 1e-3)
        results.append(p)
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


def test_arrays_of_other_shapes_are_refused():
    p = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"^sgd_step: an array has the shape \(6,\), p \(2, 3\)"):
        optimizer.sgd_step(p, np.zeros(6), None, 0.1)
