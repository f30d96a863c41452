"""add_runs against a loop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.kernels.segments import add_runs


@settings(max_examples=60, deadline=None)
@given(
    index=st.lists(st.integers(0, 6), max_size=12).map(sorted),
    before=st.integers(0, 2),
    behind=st.integers(0, 2),
)
def test_add_runs_adds_each_term_at_its_index(index, before, behind):
    rng = np.random.default_rng(0)
    shape = (2,) * before, (3,) * behind
    total = rng.standard_normal((*shape[0], 7, *shape[1]))
    terms = rng.standard_normal((*shape[0], len(index), *shape[1]))
    expected = total.copy()
    for o, i in enumerate(index):
        np.moveaxis(expected, before, 0)[i] += np.moveaxis(terms, before, 0)[o]
    add_runs(total, terms, np.array(index, int), -behind - 1)
    np.testing.assert_allclose(total, expected)
