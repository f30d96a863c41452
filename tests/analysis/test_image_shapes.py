"""image_shape: the images that a net accepts, derived from its layers."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def flat(channels, side, **conv):
    width = nn.Conv2d(channels, 1, 3, **conv)(mt.zeros(1, channels, side, side)).numel()
    return nn.Sequential(nn.Conv2d(channels, 1, 3, **conv), nn.Flatten(), nn.Linear(width, 2))


@pytest.mark.parametrize(
    "net, shape",
    [
        (flat(1, 28), (1, 28, 28)),
        (flat(3, 64), (3, 64, 64)),
        (flat(3, 96, stride=2), (3, 96, 96)),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), (1, 28, 28)),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3)), (3, 32, 32)),
        (nn.Sequential(nn.Conv2d(5, 1, 3), nn.AdaptiveAvgPool2d(1)), (5, 32, 32)),
        (nn.Sequential(nn.Conv2d(3, 1, 7, stride=2), nn.AdaptiveAvgPool2d(1)), (3, 224, 224)),
    ],
)
def test_the_first_usual_size_that_a_net_takes_is_found(net, shape):
    net[0].eval()
    assert mt.analysis.image_shape(net) == shape
    assert net.training and not net[0].training
    assert mt.analysis.summary(net).rows[0].input_shape == shape


def test_a_net_that_takes_no_usual_images_is_told():
    with pytest.raises(ValueError, match="image_shape: Sequential takes no images of a usual size"):
        mt.analysis.image_shape(flat(3, 37))
    with pytest.raises(ValueError, match="image_shape: Dropout"):
        mt.analysis.image_shape(type("Dropout", (nn.Module,), {"forward": lambda s, x: None})())
