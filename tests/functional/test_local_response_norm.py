"""Local response normalisation: its definition, gradients of both orders, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import assert_differentiable_twice, normals


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_local_response_norm_has_the_gradients_of_its_slopes(data):
    c, size = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    space = data.draw(st.sampled_from([(3,), (2, 2), (1, 1, 2)]))
    (x,) = normals(data.draw, (2, c, *space))
    options = {"alpha": 0.5, "beta": data.draw(st.sampled_from([0.75, 1.0, 0.3])), "k": 2.0}
    assert_differentiable_twice(lambda x: F.local_response_norm(x, size, **options), x)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_each_value_is_divided_by_the_power_of_its_neighbours_energy(size):
    x = np.random.default_rng(0).standard_normal((2, 4, 3))
    y = F.local_response_norm(Tensor(x), size, alpha=0.5, beta=0.6, k=2.0).array
    for c in range(4):
        neighbours = range(max(0, c - size // 2), min(4, c + (size - 1) // 2 + 1))
        energy = sum(x[:, i] ** 2 for i in neighbours)
        np.testing.assert_allclose(y[:, c], x[:, c] / (2 + 0.5 / size * energy) ** 0.6)


# (input's shape and dtype, size, error, part of its message)
REFUSED = {
    "rank 2": ((2, 3), "float32", 2, ValueError, "input of shape (2, 3)"),
    "size zero": ((2, 3, 4), "float32", 0, ValueError, "size=0"),
    "size float": ((2, 3, 4), "float32", 2.0, TypeError, "size=2.0"),
    "integer": ((2, 3, 4), "int64", 2, TypeError, "int64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_the_functions_name_and_the_rule(case):
    shape, dtype, size, error, message = REFUSED[case]
    with pytest.raises(error) as caught:
        F.local_response_norm(Tensor(np.zeros(shape, dtype)), size)
    assert str(caught.value).startswith("local_response_norm:")
    assert message in str(caught.value)


def test_an_empty_batch_gives_an_empty_output():
    assert F.local_response_norm(Tensor(np.zeros((0, 3, 4))), 2).shape == (0, 3, 4)
