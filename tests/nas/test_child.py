"""A child's score comes from its architecture and its training alone, and not from test images."""

from dataclasses import replace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.nas import CellSpace, Child, LayerSpace, Training, train_child
from minitorch_cnn.nas.child import data_of

SPACE = LayerSpace(layers=2, filters=(4, 8))
SHORT = Training(images=300, epochs=1)
CHILD = Child(SPACE, SPACE.decode((1, 1, 1, 1) * 2), SHORT)


def test_a_child_is_trained_and_counted():
    score = train_child(CHILD._replace(training=Training(epochs=3)))
    assert score.reward > 0.6 and score.failed is None
    assert (score.macs, score.params) == (1 * 9 * 8 * 16 + 8 * 9 * 8 * 4 + 80, 72 + 576 + 32 + 90)


def test_nothing_else_decides_the_score():
    mt.manual_seed(1)
    first = train_child(CHILD)
    mt.manual_seed(2)
    assert train_child(CHILD) == first
    assert train_child(CHILD._replace(training=replace(SHORT, seed=1))).reward != first.reward


def test_the_key_tells_children_apart():
    others = [
        CHILD,
        CHILD._replace(architecture=SPACE.decode((1, 1, 1, 0) * 2)),
        CHILD._replace(training=replace(SHORT, lr=0.1)),
        CHILD._replace(space=replace(SPACE, layers=3)),
        CHILD._replace(space=CellSpace()),
    ]
    assert len({child.key() for child in others}) == 5
    assert Child(*CHILD).key() == CHILD.key()


def test_images_are_held_out_from_those_to_learn_from():
    learned_from, held_out, classes = data_of(Training())
    assert (len(learned_from), len(held_out), classes) == (1154, 288, 10)
    seen = np.concatenate(
        [[part[i][0] for i in range(len(part))] for part in (learned_from, held_out)]
    )
    digits = Digits(train=True)
    np.testing.assert_allclose(np.sort(seen.ravel()), np.sort((digits.images.ravel() - 0.5) / 0.25))
    assert {int(held_out[i][1]) for i in range(288)} == set(range(10))


@pytest.mark.parametrize(
    "bad", [{"epochs": 0}, {"lr": 0.0}, {"images": 4}, {"size": 0}, {"batch_size": 0}]
)
def test_settings_out_of_range_are_refused(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"^Training: {name}="):
        Training(**bad)


def test_more_images_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"^Training: images=5000 must be from 5 to 1442"):
        train_child(CHILD._replace(training=Training(images=5000)))
