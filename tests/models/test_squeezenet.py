"""SqueezeNets have the paper's table, and fire modules that squeeze before they expand."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.squeezenet import Fire
from tests.models.compare import gradients_are_slopes
from tests.models.stages import poolings, stages


def test_version_1_0_has_the_sizes_of_table_1_for_images_of_227_pixels():
    found = stages("squeezenet1_0", 3, 227, 227)
    rows = ["0", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
    assert [found[f"features.{i}"] for i in rows] == [
        (96, 111, 111),
        (96, 55, 55),
        (128, 55, 55),
        (128, 55, 55),
        (256, 55, 55),
        (256, 27, 27),
        (256, 27, 27),
        (384, 27, 27),
        (384, 27, 27),
        (512, 27, 27),
        (512, 13, 13),
        (512, 13, 13),
    ]
    assert found["classifier"] == (1000, 13, 13)


def test_version_1_1_halves_the_image_earlier():
    found = stages("squeezenet1_1", 3, 224, 224)
    rows = ["0", "2", "4", "5", "7", "8", "9", "12"]
    sizes = [111, 55, 55, 27, 27, 13, 13, 13]
    channels = [64, 64, 128, 128, 256, 256, 384, 512]
    expected = [(c, n, n) for c, n in zip(channels, sizes, strict=True)]
    assert [found[f"features.{i}"] for i in rows] == expected


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_every_pooling_rounds_up_and_pads_nothing(name):
    with nn.shapes_only():
        found = poolings(create_model(name))
    assert len(found) == 3 and set(found.values()) == {(nn.MaxPool2d, 3, 2, 0, True)}


def test_a_fire_module_squeezes_then_expands_by_filters_of_two_sizes():
    fire, x = Fire(4, 2, 3, 5), mt.randn(2, 4, 5, 6)
    squeezed = fire.squeeze(x).relu()
    y = fire(x)
    assert y.shape == (2, 8, 5, 6)
    assert mt.equal(y[:, :3], fire.expand1x1(squeezed).relu())
    assert mt.equal(y[:, 3:], fire.expand3x3(squeezed).relu())
    assert fire.expand3x3.weight.shape == (5, 2, 3, 3)


def test_the_gradients_of_a_fire_module_are_slopes():
    gradients_are_slopes(Fire(3, 2, 2, 3), 2, 3, 4, 5)


def test_the_logits_are_means_of_maps_cut_at_zero():
    model = create_model("squeezenet1_1", num_classes=4, width=1 / 8).eval()
    x = mt.randn(2, 3, 33, 48)
    maps = model.classifier[1](model.features(x)).detach().numpy()
    expected = np.maximum(maps, 0).mean((2, 3))
    np.testing.assert_allclose(model(x).detach().numpy(), expected, rtol=1e-5)
    assert (maps < 0).any()


def test_the_last_convolution_starts_smaller_than_the_others():
    model = create_model("squeezenet1_1")
    weights = [p for p in model.parameters() if p.ndim == 4]
    assert abs(weights[-1].std().item() - 0.01) < 1e-4
    assert abs(weights[-2].std().item() - (2 / (64 * 9)) ** 0.5) < 1e-3
    assert all(not p.array.any() for p in model.parameters() if p.ndim == 1)
