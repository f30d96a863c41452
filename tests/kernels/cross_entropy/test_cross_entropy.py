"""Cross entropy of classes: every implementation against the loops, the loops against the
oracle.
"""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.cross_entropy import cross_entropy_backward, cross_entropy_forward
from tests import oracle
from tests.kernels.implementation_check import CROSS_ENTROPY_CASES, agreement, other_implementations

rng = np.random.default_rng(5)


test_every_implementation_agrees_with_the_loops = agreement("cross_entropy", CROSS_ENTROPY_CASES)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loops_agree_with_an_independent_definition(smoothing):
    x, weight = rng.standard_normal((3, 5, 2)), rng.uniform(0.5, 2, 5)
    target, gy = np.array([[0, 4], [2, 2], [-1, 3]]), rng.standard_normal((3, 2))

    def losses(x):
        return oracle.softmax_cross_entropy(x, target, weight, -1, smoothing)[0]

    with use("loops"):
        y, m, s = cross_entropy_forward(x, target, weight, -1, smoothing)
        gx = cross_entropy_backward(gy, x, m, s, target, weight, -1, smoothing)
    np.testing.assert_allclose(y, losses(x))
    np.testing.assert_allclose(gx, oracle.slope(losses, x, gy), atol=1e-7)


@pytest.mark.parametrize("implementation", ["loops", *other_implementations("cross_entropy")])
@pytest.mark.parametrize("pixels", [1, 3])
def test_huge_and_infinite_logits_are_exact(implementation, pixels):
    x = np.array([[1e30, 0, -np.inf], [-1e30, 0, -np.inf], [1, 1, -np.inf]], np.float32)
    x = np.repeat(x[:, :, None], pixels, 2)
    target, gy = np.zeros((3, pixels), int), np.ones((3, pixels), np.float32)
    weight = np.array([1, 2, 0], np.float32)
    with use(implementation):
        y, m, s = cross_entropy_forward(x, target)
        gx = cross_entropy_backward(gy, x, m, s, target)
        smoothed, *_ = cross_entropy_forward(x, target, weight, smoothing=0.3)
    np.testing.assert_allclose(y[:, 0], np.array([0, 1e30, np.log(2)], np.float32), rtol=1e-6)
    np.testing.assert_allclose(gx[:, :, 0], [[0, 0, 0], [-1, 1, 0], [-0.5, 0.5, 0]])
    np.testing.assert_allclose(smoothed[2], np.log(2) * (0.8 + 0.2), rtol=1e-6)


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    pytest.importorskip("numba")
    for shape in ((401, 100, 1), (3, 21, 999)):
        x = rng.standard_normal(shape, dtype=np.float32)
        target = rng.integers(0, shape[1], (shape[0], shape[2]))
        results = []
        for count in (1, 2, 5):
            set_num_threads(count)
            y, m, s = cross_entropy_forward(x, target, smoothing=0.1)
            results.append((y, cross_entropy_backward(y, x, m, s, target, smoothing=0.1)))
        for y, gx in results[1:]:
            np.testing.assert_array_equal(y, results[0][0])
            np.testing.assert_array_equal(gx, results[0][1])


def test_invalid_arguments_are_refused_by_name():
    x, target = np.zeros((2, 3, 4)), np.zeros((2, 4), int)
    name = "^cross_entropy_forward: "
    with pytest.raises(ValueError, match=name + r"x of shape \(2, 3\) must be"):
        cross_entropy_forward(x[..., 0], target)
    with pytest.raises(ValueError, match=name + r"target of shape \(2, 3\) must be"):
        cross_entropy_forward(x, target[:, :3])
    with pytest.raises(ValueError, match=name + r"weight has the shape \(4,\)"):
        cross_entropy_forward(x, target, np.ones(4))
    with pytest.raises(ValueError, match=r"^cross_entropy_backward: gy has the shape \(2,\)"):
        cross_entropy_backward(x[:, 0, 0], x, x[:, 0], x[:, 0], target)
