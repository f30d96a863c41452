"""Training of small nets: its schedule, its curves, what it calls."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis.small_training import (
    Data,
    cross_entropy,
    logits_of,
    loss_and_error,
    train,
)
from minitorch_cnn.random import manual_seed
from minitorch_cnn.tensor import Tensor


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x, test_x = rng.normal(size=(50, 1, 2, 2)), rng.normal(size=(30, 1, 2, 2))
    return Data(
        x, (x.mean((1, 2, 3)) > 0).astype(int), test_x, (test_x.mean((1, 2, 3)) > 0).astype(int)
    )


def linear():
    manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()


def test_the_curves_are_those_of_sgd_with_momentum_by_hand(data):
    net, twin = linear(), linear()
    curves = train(net, data, 4, lr=0.2, seed=3, batch_size=20)
    w, b = (p.array.copy() for p in twin.parameters())
    speed = [np.zeros_like(w), np.zeros_like(b)]
    rng = np.random.default_rng(3)
    losses = []
    for epoch in range(4):
        order, total = rng.permutation(50), 0.0
        for step in range(3):
            chosen = order[20 * step : 20 * step + 20]
            lr = 0.2 * min(1, (3 * epoch + step + 1) / 3) * (0.1 if epoch >= 3 else 1)
            x, y = data.x[chosen].reshape(-1, 4), data.labels[chosen]
            z = x @ w.T + b
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            total -= np.log(p[np.arange(len(y)), y]).sum()
            p[np.arange(len(y)), y] -= 1
            for k, (value, g) in enumerate(((w, p.T @ x / len(y)), (b, p.mean(0)))):
                speed[k] = 0.9 * speed[k] + g + 1e-4 * value
                value -= lr * speed[k]
        losses.append(total / 50)
    assert np.allclose(curves.loss, losses)
    assert np.allclose(net[1].weight.array, w)
    assert curves.test_error[-1] == loss_and_error(net, data.test_x, data.test_labels)[1]


def test_training_that_diverges_ends_with_infinite_losses(data):
    curves = train(linear(), data._replace(x=1e200 * data.x), 3, lr=1e200, batch_size=50)
    assert np.isinf(curves.loss[1:]).all() and (curves.error[1:] == 1).all()
    assert curves.loss.shape == (3,)


def test_watch_sees_the_net_before_the_first_epoch_and_after_each(data):
    seen = []
    train(linear(), data, 2, watch=seen.append)
    assert seen == [0, 1, 2]


def test_images_are_augmented_for_training_alone(data):
    given = []

    def augment(images, rng):
        given.append(len(images))
        return images

    train(linear(), data, 1, batch_size=32, augment=augment)
    assert given == [32, 18]


def test_a_random_part_of_the_training_images_keeps_its_labels(data):
    part = data.take(10, seed=1)
    assert len(part.x) == 10 and part.test_x is data.test_x
    assert np.array_equal(part.labels, (part.x.mean((1, 2, 3)) > 0).astype(int))
    assert not np.array_equal(part.x, data.take(10, seed=2).x)


def test_the_loss_of_auxiliary_heads_counts_three_tenths():
    logits, labels = Tensor(np.zeros((2, 4))), Tensor(np.array([0, 3]))
    assert cross_entropy((logits, logits), labels).item() == pytest.approx(1.3 * np.log(4))


def test_logits_are_computed_in_parts_in_evaluation_mode(data):
    net = nn.Sequential(linear(), nn.Dropout(0.9))
    whole = net.eval()(Tensor(data.x)).array
    net.train()
    assert np.allclose(logits_of(net, data.x, batch_size=7), whole) and net.training
