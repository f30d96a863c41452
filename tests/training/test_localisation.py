"""Boxes, beside loops over pixels and published definitions."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data.datasets import Shapes
from minitorch_cnn.training import (
    box_targets,
    euclidean_loss,
    intersection_over_union,
    localisation_error,
    mean_overlap,
)


def box(left, top, right, bottom):
    """Centre, width and height, in parts of an image of 20."""
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]) / 20


def pixels(left, top, right, bottom):
    mask = np.zeros((20, 20), bool)
    mask[top:bottom, left:right] = True
    return mask


BOXES = [
    (2, 3, 10, 9),
    (2, 3, 10, 9),
    (6, 3, 14, 9),
    (0, 0, 20, 20),
    (5, 5, 6, 6),
    (12, 12, 20, 20),
]


@pytest.mark.parametrize("a", BOXES)
@pytest.mark.parametrize("b", BOXES)
def test_the_common_part_of_two_boxes_is_that_of_their_pixels(a, b):
    common = (pixels(*a) & pixels(*b)).sum() / (pixels(*a) | pixels(*b)).sum()
    assert intersection_over_union(box(*a), box(*b)) == pytest.approx(common)


def test_a_box_of_negative_size_is_empty():
    assert intersection_over_union(np.array([0.5, 0.5, -0.2, 0.3]), box(2, 3, 10, 9)) == 0


def test_the_targets_of_shapes_are_their_boxes():
    shapes = Shapes(20, size=24)
    targets = box_targets(shapes.labels, shapes.boxes[:, 0], 24)
    assert targets.shape == (20, 5) and targets.dtype == np.float32
    for mask, label, (kind, x, y, w, h) in zip(shapes.masks, shapes.labels, targets, strict=True):
        rows, columns = np.nonzero(mask)
        assert kind == label
        assert 24 * x == pytest.approx((columns.min() + columns.max() + 1) / 2)
        assert 24 * y == pytest.approx((rows.min() + rows.max() + 1) / 2)
        assert 24 * w == pytest.approx(np.ptp(columns) + 1)
        assert 24 * h == pytest.approx(np.ptp(rows) + 1)


def test_the_loss_is_half_the_squared_distance_to_the_box_of_the_class():
    rng = np.random.default_rng(0)
    each, target = rng.random((5, 3, 4)), rng.random((5, 5))
    target[:, 0] = [0, 2, 1, 1, 0]
    wanted = (
        sum(((each[n, int(target[n, 0])] - target[n, 1:]) ** 2).sum() / 2 for n in range(5)) / 5
    )
    given = mt.from_numpy(each), mt.from_numpy(target)
    assert float(euclidean_loss(*given)) == pytest.approx(wanted)
    one = mt.from_numpy(each[np.arange(5), target[:, 0].astype(int)])
    assert float(euclidean_loss(one, given[1])) == pytest.approx(wanted)


def test_a_box_that_overlaps_by_half_is_right():
    true = np.stack([np.r_[0, box(0, 0, 10, 10)]] * 3)
    found = np.stack([box(0, 0, 10, 5), box(0, 0, 10, 4), box(5, 0, 15, 10)])
    given = mt.from_numpy(found), mt.from_numpy(true)
    assert localisation_error(*given) == pytest.approx(2 / 3)
    assert mean_overlap(*given) == pytest.approx((1 / 2 + 2 / 5 + 1 / 3) / 3)


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"target of shape \(3, 4\) must be \(3, 5\)"):
        euclidean_loss(mt.zeros(3, 4), mt.zeros(3, 4))
