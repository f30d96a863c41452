"""The random generator."""

import json

import numpy as np
import pytest

import minitorch_cnn as mt


def test_manual_seed_starts_one_stream_for_everything():
    generator = mt.manual_seed(7)
    assert generator is mt.default_generator()
    first = [mt.rand(2).tolist(), mt.randn(2).tolist(), mt.randint(9, (2,)).tolist()]
    mt.manual_seed(7)
    assert first == [mt.rand(2).tolist(), mt.randn(2).tolist(), mt.randint(9, (2,)).tolist()]
    mt.manual_seed(8)
    assert first[0] != mt.rand(2).tolist()


def test_numpy_s_global_state_is_neither_read_nor_written():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    mt.manual_seed(1)
    a = mt.rand(3).tolist()
    np.random.seed(5)
    mt.manual_seed(1)
    assert mt.rand(3).tolist() == a
    np.random.seed(0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_generator_s_state_can_be_kept_as_json_and_put_back():
    mt.manual_seed(2)
    mt.rand(5)
    state = json.loads(json.dumps(mt.get_rng_state()))
    expected = mt.randn(4).tolist()
    mt.rand(100)
    mt.set_rng_state(state)
    assert mt.randn(4).tolist() == expected


@pytest.mark.parametrize("seed", [-1, 0, 2**63])
def test_any_seed_is_taken_as_in_pytorch(seed):
    mt.manual_seed(seed)
    a = mt.rand(2).tolist()
    mt.manual_seed(seed)
    assert mt.rand(2).tolist() == a
