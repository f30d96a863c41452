"""PReLU: every implementation against the loops, the loops against a formula and its
differences.
"""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.prelu import prelu_backward, prelu_forward
from tests import oracle
from tests.kernels.implementation_check import PRELU_CASES, agreement, other_implementations

rng = np.random.default_rng(4)


test_every_implementation_agrees_with_the_loops = agreement("prelu", PRELU_CASES)


def test_the_loops_agree_with_a_formula_and_its_differences():
    x, gy = rng.standard_normal((2, 2, 3, 4))
    w = np.array([0.25, -0.5, 1.5])
    with use("loops"):
        y = prelu_forward(x, w)
        gx, gw = prelu_backward(gy, x, w)
    np.testing.assert_allclose(y, np.maximum(x, 0) + w[:, None] * np.minimum(x, 0))
    with use("loops"):
        np.testing.assert_allclose(gx, oracle.slope(lambda x: prelu_forward(x, w), x, gy))
        np.testing.assert_allclose(gw, oracle.slope(lambda w: prelu_forward(x, w), w, gy))


@pytest.mark.parametrize("implementation", ["loops", *other_implementations("prelu")])
def test_at_the_kink_the_derivative_is_the_left_one_and_nan_stays_nan(implementation):
    x, w = np.array([[[0.0, np.nan]]]), np.array([0.25])
    with use(implementation):
        np.testing.assert_array_equal(prelu_forward(x, w), x)
        np.testing.assert_array_equal(prelu_backward(np.ones_like(x), x, w).gx, 0.25)


@pytest.mark.parametrize("implementation", other_implementations("prelu"))
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((5, 4, 6)).astype(np.float32).transpose(2, 0, 1)[::-1, :, ::2]
    w = rng.standard_normal(10).astype(np.float32)[::-2]
    with use(implementation):
        y = prelu_forward(x, w)
        np.testing.assert_array_equal(y, prelu_forward(x.copy(), w.copy()))
        gradients = prelu_backward(y[::-1], x, w)
        copies = prelu_backward(y[::-1].copy(), x.copy(), w.copy())
    for found, expected in zip(gradients, copies, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    pytest.importorskip("numba")
    x, gy = rng.standard_normal((2, 7, 3, 5001), dtype=np.float32)
    w = rng.standard_normal(3, dtype=np.float32)
    results = []
    for count in (1, 2, 5):
        set_num_threads(count)
        results.append((prelu_forward(x, w), *prelu_backward(gy, x, w)))
    for found in results[1:]:
        for array, expected in zip(found, results[0], strict=True):
            np.testing.assert_array_equal(array, expected)


def test_invalid_arguments_are_refused_by_name():
    x, w = np.zeros((2, 3, 4)), np.zeros(3)
    with pytest.raises(
        ValueError, match=r"^prelu_forward: x of shape \(2, 3\) must be \(N, C, L\)"
    ):
        prelu_forward(x[..., 0], w)
    with pytest.raises(ValueError, match=r"^prelu_forward: w of shape \(2,\) must be \(3,\)"):
        prelu_forward(x, w[:2])
    with pytest.raises(ValueError, match=r"^prelu_backward: gy has the shape \(2, 3, 3\), x"):
        prelu_backward(x[..., 1:], x, w)
