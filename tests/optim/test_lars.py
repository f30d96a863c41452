"""LARS against its formula, written out in NumPy."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


def test_steps_follow_algorithm_1_of_the_paper(rng):
    w = rng.standard_normal((3, 4))
    p = nn.Parameter(mt.tensor(w))
    optimizer = optim.LARS([p], lr=2.0, momentum=0.9, weight_decay=0.1, trust_coefficient=0.02)
    v = 0
    for _ in range(5):
        g = rng.standard_normal((3, 4))
        p.grad = mt.tensor(g)
        optimizer.step()
        local = 0.02 * np.sqrt((w**2).sum()) / (np.sqrt((g**2).sum()) + 0.1 * np.sqrt((w**2).sum()))
        v = 0.9 * v + 2.0 * local * (g + 0.1 * w)
        w = w - v
        np.testing.assert_allclose(p.detach(), w, rtol=1e-12)


def test_the_first_step_is_as_long_as_the_weights_allow_whatever_the_gradients_scale():
    for scale in (1e-3, 1.0, 1e3):
        p = nn.Parameter(mt.tensor([3.0, 4.0], dtype=mt.float64))
        p.grad = mt.tensor([scale, 0], dtype=mt.float64)
        optim.LARS([p], lr=1.0, trust_coefficient=0.01).step()
        assert p[0].item() == pytest.approx(3 - 0.01 * 5)


@pytest.mark.parametrize("weight, grad", [(0.0, 2.0), (3.0, 0.0)])
def test_where_a_norm_is_zero_the_rate_is_lr(weight, grad):
    p = nn.Parameter(mt.tensor([weight]))
    p.grad = mt.tensor([grad])
    optim.LARS([p], lr=0.1, weight_decay=0.5).step()
    assert p.item() == pytest.approx(weight - 0.1 * (grad + 0.5 * weight))


def test_half_gradients_whose_squares_overflow_have_norms():
    p = nn.Parameter(mt.full((100,), 2.0, dtype=mt.float16))
    p.grad = mt.full((100,), 300.0, dtype=mt.float16)
    optim.LARS([p], lr=10.0, momentum=0.0, trust_coefficient=0.1).step()
    # |p| = 20, |g| = 3000: a step of 10 * 0.1 * 20 / 3000 * 300 = 2
    np.testing.assert_allclose(p.detach(), 0, atol=2e-3)
