"""Filters and feature maps are those of the layers."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import feature_maps, first_filters
from minitorch_cnn.analysis.filters_and_maps import FeatureMaps
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F

from .nets import drawn, images


@pytest.fixture
def net():
    return nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).double()


def test_the_first_convolutions_filters_are_found(net):
    found = first_filters(net)
    assert found.layer == "0" and np.array_equal(found.weight, net[0].weight.array)
    figure = drawn(found)
    assert "3 filters of 0: 2 x 2 x 2 pixels" in figure.get_suptitle()
    assert figure.axes[-1].get_ylabel() == "mean weight of the channels"
    (low, high), *others = {axes.images[0].get_clim() for axes in figure.axes[:3]}
    assert high == -low == np.abs(found.weight.mean(1)).max() and not others
    assert first_filters(create_model("alexnet", num_classes=2)).weight.shape == (64, 3, 11, 11)


def test_filters_of_three_channels_are_drawn_in_colour():
    figure = drawn(first_filters(nn.Sequential(nn.Conv2d(3, 4, 5))))
    assert figure.axes[0].images[0].get_array().shape == (5, 5, 3)


def test_maps_are_what_the_layers_give(net):
    image = images()[0]
    found = feature_maps(net, image)
    assert list(found.maps) == ["0", "1"]
    y = net[0](images()[:1])
    assert np.array_equal(found.maps["0"], y.array[0])
    assert np.array_equal(found.maps["1"], F.relu(y).array[0])
    figure = drawn(found)
    assert "0: 3 x 2 x 2" in [text.get_text() for ax in figure.axes for text in ax.texts]
    rows = np.array(figure.axes[:8]).reshape(2, 4)
    for row, maps in zip(rows, found.maps.values(), strict=True):
        scales = {ax.images[0].get_clim() for ax in row[1:]}
        assert scales == {(maps.min(), maps.max())}
    assert len(figure.axes) == 8 + 2  # with a scale for each row


def test_a_long_name_does_not_push_maps_apart():
    figure = drawn(FeatureMaps(np.zeros((1, 4, 4)), {"cell." * 12: np.ones((8, 4, 4))}))
    lefts = np.array([ax.get_position().x0 for ax in figure.axes[:9]])
    assert np.ptp(np.diff(lefts)) < 0.02


@pytest.mark.parametrize("maps", [np.zeros((3, 2, 2)), np.ones((1, 1, 1)), np.ones((30, 1, 1))])
def test_constant_maps_single_pixels_and_single_channels_are_drawn(maps):
    figure = drawn(FeatureMaps(np.zeros((1, 4, 4)), {"layer": maps}))
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 1 + min(len(maps), 12)


def test_each_tensor_is_shown_once_under_its_innermost_name():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    found = feature_maps(model, images(side=8)[0])
    assert "layer1.0" in found.maps and "layer1" not in found.maps
    assert list(feature_maps(model, images(side=8)[0], ["layer1"]).maps) == ["layer1"]


def test_what_cannot_be_is_refused(net):
    image = images()[0]
    with pytest.raises(ValueError, match="first_filters: Flatten has no convolution"):
        first_filters(nn.Flatten())
    with pytest.raises(ValueError, match="first_filters: layer='3' is a Linear, not a Conv2d"):
        first_filters(net, "3")
    with pytest.raises(KeyError, match="feature_maps: layer='conv9' names no module"):
        feature_maps(net, image, ["conv9"])
    with pytest.raises(ValueError, match=r"feature_maps: layer='3' has an output of shape \(1, 2"):
        feature_maps(net, image, ["3"])
    with pytest.raises(ValueError, match=r"feature_maps: image of shape \(4, 2, 3, 3\)"):
        feature_maps(net, images())
