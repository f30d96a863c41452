"""A convolution is the same by us, by every other library and, at samples, by its definition."""

import numpy as np
import pytest

from benchmarks.problem import DIRECTIONS, Problem
from benchmarks.suites import Layer

GROUPED = Layer("grouped", 4, 7, 6, 3, stride=2, padding=1, groups=2)
LAYERS = [GROUPED, Layer("row", 4, 7, 6, (1, 5), 1, (0, 2)), Layer("column", 4, 7, 6, (5, 2))]


@pytest.fixture(params=LAYERS, ids=lambda layer: layer.name)
def problem(request):
    return Problem(request.param, batch=2)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_error_of_a_right_result_is_that_of_float32(problem, direction):
    assert problem.error(direction, problem.ours(direction)) < 1e-5


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_error_of_a_wrong_result_is_seen(problem, direction):
    wrong = problem.ours(direction) * np.float32(1.01)
    assert problem.error(direction, wrong) == pytest.approx(0.01, rel=0.5)


@pytest.mark.parametrize("nhwc", [False, True])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_torch_computes_the_same_in_both_formats(problem, direction, nhwc):
    torch = pytest.importorskip("torch")
    found = problem.torch(direction, nhwc)()
    found = found if direction == "forward" else found[DIRECTIONS.index(direction) - 1]
    if nhwc and direction != "gw":
        assert found.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(found, problem.ours(direction), rtol=1e-4, atol=1e-4)


def test_onnx_runtime_computes_the_same_forward(problem):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    np.testing.assert_allclose(
        problem.onnxruntime(1)(), problem.ours("forward"), rtol=1e-4, atol=1e-4
    )
