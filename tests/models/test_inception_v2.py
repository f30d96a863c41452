"""Both networks called Inception-v2 have the stages of their papers."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import bn_inception, create_model
from minitorch_cnn.models.inception_v2 import MODULES, TABLE, separable_stem
from minitorch_cnn.models.tables import Conv
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

# "Rethinking", table 1, "input size" of the row below; a grid reduction ends the rows of modules.
OUTPUTS = {
    "conv1": (32, 149, 149),
    "conv2": (32, 147, 147),
    "conv3": (64, 147, 147),
    "maxpool": (64, 73, 73),
    "conv4": (80, 71, 71),
    "conv5": (192, 35, 35),
    "conv6": (288, 35, 35),
    "inception5c": (288, 35, 35),
    "reduction6": (768, 17, 17),
    "inception6d": (768, 17, 17),
    "reduction7": (1280, 8, 8),
    "inception7b": (2048, 8, 8),
    "avgpool": (2048, 1, 1),
    "fc": (1000,),
}

# Ioffe and Szegedy, figure 5, "output size".
SLIM_OUTPUTS = {
    "conv1": (64, 112, 112),
    "maxpool1": (64, 56, 56),
    "conv3": (192, 56, 56),
    "maxpool2": (192, 28, 28),
    "inception3a": (256, 28, 28),
    "inception3b": (320, 28, 28),
    "inception3c": (576, 14, 14),
    "inception4a": (576, 14, 14),
    "inception4b": (576, 14, 14),
    "inception4c": (576, 14, 14),
    "inception4d": (576, 14, 14),
    "inception4e": (1024, 7, 7),
    "inception5a": (1024, 7, 7),
    "inception5b": (1024, 7, 7),
}


def depth(step):
    """The number of convolutions on the longest way through a step of a table."""
    if isinstance(step, Conv):
        return 1
    if isinstance(step, list):
        return max(sum(depth(part) for part in path.values()) for path in step)
    return 0


def test_every_stage_has_the_size_of_table_1_of_rethinking():
    found = stages("inception_v2", 3, 299, 299)
    assert {name: found[name] for name in OUTPUTS} == OUTPUTS


def test_every_stage_of_the_slim_form_has_the_size_of_figure_5():
    found = stages("inception_v2_slim", 3, 224, 224)
    assert {name: found[name] for name in SLIM_OUTPUTS} == SLIM_OUTPUTS


def test_inception_v2_has_42_layers_and_less_than_25_million_parameters():
    layers = sum(depth(step) for name, step in TABLE.items() if "reduction" not in name)
    assert layers + 1 == 42  # and the linear layer
    with nn.shapes_only():
        model = create_model("inception_v2")
    assert sum(p.numel() for p in model.parameters()) < 25_000_000


def test_no_window_behind_the_stem_is_5x5():
    with nn.shapes_only():
        model = create_model("inception_v2")
    windows = {m.kernel_size for m in model.modules() if isinstance(m, nn.Conv2d)}
    assert windows == {(1, 1), (3, 3), (1, 7), (7, 1), (1, 3), (3, 1)}


def test_the_slim_form_differs_from_the_published_bn_inception_in_two_projections():
    differ = {name for name, row in MODULES.items() if row != bn_inception.TABLE[name]}
    assert differ == {"4c", "4d"}
    assert {MODULES[name].pool_proj for name in differ} == {96}


@pytest.mark.parametrize(
    ("in_channels", "width", "maps"), [(3, 1.0, 24), (1, 1.0, 8), (3, 1 / 8, 6), (8, 1 / 32, 8)]
)
def test_the_separable_stem_has_up_to_eight_maps_for_each_colour(in_channels, width, maps):
    stem, filters = separable_stem(in_channels, width)
    assert stem.depthwise.weight.shape == (maps, 1, 7, 7)
    assert stem(mt.zeros(0, in_channels, 32, 31)).shape == (0, filters, 16, 16)


def test_the_gradients_of_the_separable_stem_are_slopes():
    stem, _ = separable_stem(2, 1 / 8)
    gradients_are_slopes(stem, 2, 2, 9, 8)


@pytest.mark.parametrize("size", [1, 17, 33, 100])
def test_the_slim_form_takes_images_of_every_size(size):
    with nn.shapes_only():
        model = create_model("inception_v2_slim")
    assert model(mt.zeros(0, 3, size, 224)).shape == (0, 1000)


@pytest.mark.parametrize("name", ["inception_v2", "inception_v2_slim"])
def test_batch_norm_has_the_settings_of_the_inception_family(name):
    with nn.shapes_only():
        model = create_model(name)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.1)}
