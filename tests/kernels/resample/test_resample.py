"""Resampling: every implementation against the loops. Against independent definitions:
test_interpolate.
"""

import numpy as np
import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.resample import AxisMap, resample_forward, resample_input_grad
from tests.kernels.implementation_check import RESAMPLE_CASES, agreement, other_implementations

rng = np.random.default_rng(5)
IMPLEMENTATIONS = ["loops", *other_implementations("resample")]
MAP = AxisMap(3, np.array([0, 1, 1]), np.array([1, 2, 2]), np.array([0.5, 0.0, 0.25]))


test_every_implementation_agrees_with_the_loops = agreement("resample", RESAMPLE_CASES)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_map_is_the_matrix_that_it_describes(implementation):
    matrix = np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0.75, 0.25]])
    x, gy = rng.standard_normal((2, 2, 3, 3))
    with use(implementation):
        np.testing.assert_allclose(resample_forward(x, (MAP, MAP)), matrix @ x @ matrix.T)
        np.testing.assert_allclose(resample_input_grad(gy, (MAP, MAP)), matrix.T @ gy @ matrix)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_views_of_any_stride_give_the_result_of_their_copy(implementation):
    x = rng.standard_normal((3, 3, 4)).transpose(2, 1, 0)[::-1, :, ::-1]
    with use(implementation):
        for function in (resample_forward, resample_input_grad):
            np.testing.assert_array_equal(function(x, (MAP, MAP)), function(x.copy(), (MAP, MAP)))


def test_a_size_that_differs_from_the_maps_is_refused():
    with pytest.raises(ValueError, match=r"^resample_forward: x of shape \(2, 4\) must end in \(3"):
        resample_forward(np.zeros((2, 4)), (MAP,))
    with pytest.raises(ValueError, match=r"^resample_input_grad: gy of shape \(3, 2\) must end in"):
        resample_input_grad(np.zeros((3, 2)), (MAP,))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("columns", [[0, 0, 1, 1], [1]])
def test_copies_of_infinities_are_infinite(columns, implementation):
    nearest = AxisMap(2, np.array(columns))
    x = np.array([[1, np.inf], [-np.inf, 2]])
    with use(implementation):
        y = resample_forward(x, (nearest, nearest))
    np.testing.assert_array_equal(y, x[np.ix_(columns, columns)])


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize(("size", "outputs"), [(1, 2), (2, 4), (3, 6), (3, 7), (40, 80), (40, 79)])
def test_doubled_columns_are_the_matrix_of_their_map(size, outputs, linear, dtype, implementation):
    place = np.clip((np.arange(outputs) + 0.5) / 2 - 0.5, 0, size - 1)
    lower = place.astype(int) if linear else np.minimum(np.arange(outputs) // 2, size - 1)
    upper, t = np.minimum(lower + 1, size - 1), place - lower if linear else np.zeros(outputs)
    matrix = np.zeros((outputs, size))
    np.add.at(matrix, (np.arange(outputs), lower), 1 - t)
    np.add.at(matrix, (np.arange(outputs), upper), t)
    axis_map = AxisMap(size, lower, upper, t) if linear else AxisMap(size, lower)
    x, gy = rng.standard_normal((3, 2, size)), rng.standard_normal((3, 3, outputs))
    maps = MAP._replace(size=2, upper=np.array([1, 1, 1])), axis_map
    rows = np.array([[0.5, 0.5], [0, 1], [0, 1]])
    exact = {"rtol": 1e-5, "atol": 1e-6} if dtype == "f" else {"rtol": 1e-12, "atol": 1e-14}
    with use(implementation):
        y, gx = resample_forward(x.astype(dtype), maps), resample_input_grad(gy.astype(dtype), maps)
    np.testing.assert_allclose(y, rows @ x @ matrix.T, **exact)
    np.testing.assert_allclose(gx, rows.T @ gy @ matrix, **exact)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("width", [1, 2, 20])
def test_doubled_copies_keep_infinities_and_their_neighbours(width, implementation):
    x = rng.standard_normal((2, width))
    x[1, ::2] = np.inf
    doubled = [AxisMap(n, np.arange(2 * n) // 2) for n in x.shape]
    with use(implementation):
        y = resample_forward(x, tuple(doubled))
    np.testing.assert_array_equal(y, x.repeat(2, 0).repeat(2, 1))
