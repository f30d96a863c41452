"""Random search draws sequences uniformly, whatever rewards it is told."""

import numpy as np
import pytest

from minitorch_cnn.nas import RandomSearch


def test_all_answers_are_equally_likely_whatever_is_told():
    method, drawn = RandomSearch((2, 3), seed=0), []
    for _ in range(20):
        sequences = method.ask(300)
        method.tell(sequences, [float(s == (0, 0)) for s in sequences])
        drawn += sequences
    found = np.bincount(np.ravel_multi_index(np.array(drawn).T, (2, 3)), minlength=6)
    np.testing.assert_allclose(found / len(drawn), 1 / 6, atol=0.02)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match=r"^RandomSearch: batch=0"):
        RandomSearch((2,), batch=0)
