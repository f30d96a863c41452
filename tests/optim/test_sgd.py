"""SGD by hand: two steps of each kind of momentum."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


@pytest.mark.parametrize(
    "settings, first, second",
    [
        ({}, 0.8, 0.7),
        ({"weight_decay": 0.5}, 0.75, 0.6125),  # 1 - .1 * 2.5; .75 - .1 * (1 + .375)
        ({"momentum": 0.5}, 0.8, 0.6),  # v = 2; 2
        ({"momentum": 0.5, "dampening": 0.5}, 0.8, 0.65),  # v = 2; 1.5: the first is not damped
        ({"momentum": 0.5, "nesterov": True}, 0.7, 0.5),  # g + v/2 = 3; 2
    ],
)
def test_two_steps_with_gradients_2_and_1(settings, first, second):
    p = nn.Parameter(mt.tensor([1.0], dtype=mt.float64))
    optimizer = optim.SGD([p], lr=0.1, **settings)
    for g, expected in ((2.0, first), (1.0, second)):
        p.grad = mt.tensor([g], dtype=mt.float64)
        optimizer.step()
        assert p.item() == pytest.approx(expected)
