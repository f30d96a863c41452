"""Class activation maps find what was planted."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import box_iou, bright_box, class_activation_maps, grad_cam
from minitorch_cnn.analysis.class_activation import connected_parts
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images


def averaging_net(weights):
    """Class k: weights (K, C) times the mean of each channel."""
    linear = nn.Linear(weights.shape[1], len(weights)).double()
    linear.weight.array[:], linear.bias.array[:] = weights, 3
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
    assert np.allclose(found.maps, 2 * x.array[:, 1])
    assert "mean IoU with the known boxes 1.00" in drawn(found).get_suptitle()


def test_a_map_is_the_weighted_sum_of_the_channels_and_its_mean_the_logit():
    weights, x = np.random.default_rng(1).normal(size=(3, 2)), images(side=5)
    model = averaging_net(weights)
    found = class_activation_maps(model, x, np.array([0, 1, 2, 0]))
    logits = model(x).array
    for n, k in enumerate([0, 1, 2, 0]):
        assert np.allclose(found.maps[n], (weights[k][:, None, None] * x.array[n]).sum(0))
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


class Averaging(nn.Module):
    """conv, ReLU, an average by a function, linear layer."""

    def __init__(self, average):
        super().__init__()
        mt.manual_seed(0)
        self.conv, self.linear = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3, 4)
        self.average = average
        self.double()

    def maps(self, x):
        return F.relu(self.conv(x))

    def forward(self, x):
        return self.linear(self.average(self.maps(x)).flatten(1))


@pytest.mark.parametrize(
    "average",
    [
        lambda y: y.mean((2, 3)),
        lambda y: mt.mean(y, (-1, -2), keepdim=True),
        lambda y: y.mean(-1).mean(-1),
        lambda y: y.mean(2).mean(-1),
        lambda y: y.flatten(2).mean(2),
        lambda y: y.view(*y.shape[:2], -1).mean(-1),
        lambda y: F.adaptive_avg_pool2d(y, 1),
        lambda y: F.avg_pool2d(y, y.shape[2:]),
        nn.AdaptiveAvgPool2d(1),
        nn.AvgPool2d((6, 5)),
    ],
)
def test_an_average_is_found_however_it_is_written(average):
    model, x = Averaging(average), Tensor(np.random.default_rng(3).normal(size=(2, 2, 6, 5)))
    found = class_activation_maps(model, x, np.array([3, 1]))
    weights = model.linear.weight.array[[3, 1]][:, :, None, None]
    assert np.allclose(found.maps, (weights * model.maps(x).array).sum(1))


def test_grad_cam_of_the_last_maps_is_what_class_activation_says_for_the_class():
    mt.manual_seed(0)
    average, linear = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 4)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), average, nn.Flatten(), linear)
    x = Tensor(np.random.default_rng(3).normal(size=(2, 2, 6, 5)))
    maps = class_activation_maps(model.double(), x).maps
    assert np.allclose(grad_cam(model, x, "1").maps * 30, np.maximum(maps, 0))


def test_grad_cam_takes_layers_with_maps_of_any_net():
    model = create_model("lenet5_relu").double()
    found = grad_cam(model, images(channels=1, side=32), "3")
    assert found.maps.shape == (4, 32, 32) and found.maps.min() >= 0 < found.maps.max()
    with pytest.raises(KeyError, match="grad_cam: layer='c9' names no module"):
        grad_cam(model, images(channels=1, side=32), "c9")
    with pytest.raises(ValueError, match=r"grad_cam: layer='' has outputs of shape \(4, 10\)"):
        grad_cam(model, images(channels=1, side=32), "")


@pytest.mark.parametrize(
    "explain", [class_activation_maps, lambda *a: grad_cam(*a[:2], "0", *a[2:])]
)
@pytest.mark.parametrize(
    "labels, said",
    [
        ([0, 1, 2, 7], "labels has 7, must be from 0 to 2"),
        ([0, 1, -1, 0], "labels has -1, must be from 0 to 2"),
        ([0.0, 1.0, 0.5, 0.0], "labels of dtype float64 must be integers"),
        ([0, 1], r"labels of shape \(2,\) must be \(4,\)"),
    ],
)
def test_classes_that_there_are_not_are_named(explain, labels, said):
    model = averaging_net(np.eye(3, 2))
    with pytest.raises(ValueError, match=said):
        explain(model, images(side=5), np.array(labels))


def test_images_that_are_not_finite_and_maps_in_place_of_logits_are_refused():
    x = images(side=5)
    x.array[1, 0, 2, 2] = np.nan
    with pytest.raises(ValueError, match="class_activation_maps: x has NaN"):
        class_activation_maps(averaging_net(np.eye(2)), x)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 3, 1)).double()
    with pytest.raises(ValueError, match=r"must give logits \(N, K\).* not shape \(4, 3, 1, 1\)"):
        class_activation_maps(model, images(side=5))


@pytest.mark.parametrize(
    "explain", [class_activation_maps, lambda m, x, **k: grad_cam(m, x, "0", **k)]
)
@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_share(explain, threshold):
    with pytest.raises(ValueError, match=f"threshold={threshold} must be from 0 to 1"):
        explain(averaging_net(np.eye(2)), images(side=5), threshold=threshold)


def test_logits_that_are_not_finite_or_not_there_are_refused():
    model = averaging_net(np.eye(2))
    with pytest.raises(ValueError, match="class_activation_maps: model gives NaN or infinite"):
        class_activation_maps(nn.Sequential(model, Const(np.nan)), images(side=5))
    model.forward = lambda x: []
    with pytest.raises(RuntimeError, match="class_activation_maps: Sequential returns no Tensor"):
        class_activation_maps(model, images(side=5))
    model.forward = lambda x: [[], model[0](x)][0]
    with pytest.raises(ValueError, match=r"must give logits \(N, K\).* not list"):
        grad_cam(model, images(side=5), "0")


def test_images_are_a_tensor():
    with pytest.raises(TypeError, match="class_activation_maps: x must be a Tensor, got ndarray"):
        class_activation_maps(averaging_net(np.eye(2)), images(side=5).array)


class Const(nn.Module):
    """Adds a number."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return x + self.value


def test_gradients_are_taken_inside_no_grad():
    model, x = averaging_net(np.eye(2)), images(side=5)
    before = class_activation_maps(model, x).maps
    with mt.no_grad():
        assert np.array_equal(class_activation_maps(model, x).maps, before)
        assert not mt.is_grad_enabled()
    assert all(p.grad is None for p in model.parameters())
