"""Class activation maps find what was planted."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import box_iou, bright_box, class_activation_maps
from minitorch_cnn.analysis.class_activation import connected_parts
from minitorch_cnn.models import create_model
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images


def averaging_net(weights):
    """Class k: weights (K, C) times the mean of each channel."""
    linear = nn.Linear(weights.shape[1], len(weights)).double()
    linear.weight.data[:], linear.bias.data[:] = weights, 3
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)


@pytest.fixture
def blobs():
    """Two images with a bright square in channel 1, and the squares' boxes."""
    x, boxes = np.zeros((2, 2, 12, 12)), np.array([[2, 3, 6, 8], [7, 1, 11, 4]])
    for image, (a, b, c, d) in zip(x, boxes, strict=True):
        image[1, b:d, a:c] = 1
    return Tensor(x), boxes


def test_the_map_of_a_planted_blob_finds_it(blobs):
    x, boxes = blobs
    found = class_activation_maps(averaging_net(np.array([[2.0, -1], [-1, 2]])), x, truth=boxes)
    assert found.labels.tolist() == [1, 1]
    assert np.array_equal(found.boxes, boxes) and np.array_equal(found.iou, [1, 1])
    assert np.allclose(found.maps, 2 * x.data[:, 1])
    assert "mean IoU with the known boxes 1.00" in drawn(found).get_suptitle()


def test_a_map_is_the_weighted_sum_of_the_channels_and_its_mean_the_logit():
    weights, x = np.random.default_rng(1).normal(size=(3, 2)), images(side=5)
    model = averaging_net(weights)
    found = class_activation_maps(model, x, np.array([0, 1, 2, 0]))
    logits = model(x).data
    for n, k in enumerate([0, 1, 2, 0]):
        assert np.allclose(found.maps[n], (weights[k][:, None, None] * x.data[n]).sum(0))
        assert found.maps[n].mean() + 3 == pytest.approx(logits[n, k])


@pytest.mark.parametrize("name", ["resnet20_cifar", "squeezenet1_0", "googlenet"])
def test_nets_of_the_zoo_that_average_their_maps_have_them(name):
    model = create_model(name, num_classes=10)
    x = Tensor(np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32))
    found = class_activation_maps(model, x)
    assert found.maps.shape == (1, 32, 32) and np.isfinite(found.maps).all()


def test_nets_without_an_average_are_refused():
    with pytest.raises(ValueError, match="class_activation_maps: LeNet5 has no global average"):
        class_activation_maps(create_model("lenet5").double(), images(channels=1, side=32))
    with pytest.raises(ValueError, match=r"truth of shape \(1, 4\) must be \(4, 4\)"):
        class_activation_maps(averaging_net(np.eye(2)), images(), truth=np.zeros((1, 4)))


def test_the_brightest_part_is_the_largest_that_hangs_together():
    array = np.zeros((6, 7))
    array[0, 0] = 9  # brighter, but smaller
    array[2:4, 3:7] = 2
    array[4, 2] = 2  # touches at a corner only
    assert bright_box(array).tolist() == [3, 2, 7, 4]
    assert bright_box(array, threshold=0.5).tolist() == [0, 0, 1, 1]
    assert bright_box(-np.ones((4, 5))).tolist() == [0, 0, 5, 4]


def test_parts_are_those_that_scipy_labels():
    ndimage = pytest.importorskip("scipy.ndimage")
    mask = np.random.default_rng(0).random((20, 20)) < 0.55
    labels, count = ndimage.label(mask)
    parts = connected_parts(mask)
    assert len(parts) == count
    assert all(len(np.unique(labels[part])) == 1 for part in parts)


def test_the_overlap_of_boxes_is_their_shared_area_over_all_of_it():
    a = np.array([[0, 0, 4, 4], [0, 0, 2, 2], [1, 1, 3, 3]])
    b = np.array([[2, 0, 6, 4], [2, 2, 4, 4], [1, 1, 3, 3]])
    assert np.allclose(box_iou(a, b), [8 / 24, 0, 1])
