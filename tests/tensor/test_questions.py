"""Questions about tensors, and draws of integers in place."""

import numpy as np
import pytest

import minitorch_cnn as mt


def test_questions_have_pytorchs_answers(torch):
    for m in (mt, torch):
        assert m.is_nonzero(m.tensor([2.0])) and not m.is_complex(m.ones(2))
        assert m.is_same_size(m.ones(2, 1), m.zeros(2, 1)) and not m.ones(2).is_same_size(m.ones(1))
        assert m.can_cast(m.int64, m.float32) and not m.can_cast(m.float32, m.int64)
        assert m.scalar_tensor(3).dtype == m.float32 and m.scalar_tensor(3).item() == 3
        with pytest.raises(RuntimeError, match=r"is_nonzero|ambiguous"):
            m.is_nonzero(m.ones(2))


def test_asarray_shares_memory_unless_asked_to_copy(torch):
    for m in (mt, torch):
        x = np.zeros(2)
        shared, own = m.asarray(x), m.asarray(x, copy=True)
        x[0] = 5
        assert shared[0].item() == 5 and own[0].item() == 0
        with pytest.raises(ValueError):
            m.asarray(x, dtype=m.int64, copy=False)


def test_random_integers_fill_their_range():
    x = mt.empty(4000).random_(3, 6)
    assert sorted(mt.unique(x).tolist()) == [3, 4, 5]
    assert set(mt.empty(200, dtype=mt.bool).random_().tolist()) == {True, False}
    assert mt.empty(50, dtype=mt.uint8).random_(2).max().item() <= 1
    drawn = mt.empty(1000).random_()
    assert 2**23 < drawn.max().item() <= 2**24 and drawn.min().item() >= 0
    with pytest.raises(RuntimeError, match="random_: from_=3 must be below to=3"):
        x.random_(3, 3)


def test_comparisons_in_place_leave_ones_and_zeros():
    x = mt.tensor([1.0, 2.0])
    assert x.gt_(1.5) is x and x.tolist() == [0, 1] and x.dtype == mt.float32


def test_a_tensor_is_dense_and_has_its_numbers():
    x = mt.ones(2, requires_grad=True)
    assert not (x.is_sparse or x.is_quantized or x.is_meta)
