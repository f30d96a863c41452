"""Inception-v3 is the network of the paper's figures with the weights' names and widths."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.inception_v3 import (
    auxiliary_head,
    conv_bn_relu,
    figure5,
    figure6,
    figure7,
    figure10,
    figure10_with_sevens,
)
from minitorch_cnn.models.tables import build
from minitorch_cnn.nn import functional as F
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

OUTPUTS = {
    "Conv2d_1a_3x3": (32, 149, 149),
    "Conv2d_2a_3x3": (32, 147, 147),
    "Conv2d_2b_3x3": (64, 147, 147),
    "maxpool1": (64, 73, 73),
    "Conv2d_3b_1x1": (80, 73, 73),
    "Conv2d_4a_3x3": (192, 71, 71),
    "maxpool2": (192, 35, 35),
    "Mixed_5b": (256, 35, 35),
    "Mixed_5c": (288, 35, 35),
    "Mixed_5d": (288, 35, 35),
    "Mixed_6a": (768, 17, 17),
    "Mixed_6b": (768, 17, 17),
    "Mixed_6e": (768, 17, 17),
    "Mixed_7a": (1280, 8, 8),
    "Mixed_7b": (2048, 8, 8),
    "Mixed_7c": (2048, 8, 8),
    "avgpool": (2048, 1, 1),
    "fc": (1000,),
}

MODULES = {
    "figure5": figure5(64),
    "figure6": figure6(128),
    "figure7": figure7(),
    "figure10": figure10(),
    "figure10_with_sevens": figure10_with_sevens(),
}


@pytest.fixture
def x():
    return mt.randn(2, 3, 9, 9)


def module(name, width=1 / 32):
    return build(MODULES[name], 3, conv_bn_relu, width)[0]


def chain(block, x, *names):
    for name in names:
        x = getattr(block, name)(x)
    return x


def test_every_stage_has_the_size_of_table_1():
    found = stages("inception_v3", 3, 299, 299)
    assert {name: found[name] for name in OUTPUTS} == OUTPUTS


def test_figure_5_sees_1x1_5x5_two_3x3_and_an_average(x):
    m = module("figure5")
    expected = [
        m.branch1x1(x),
        chain(m, x, "branch5x5_1", "branch5x5_2"),
        chain(m, x, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        m.branch_pool(F.avg_pool2d(x, 3, 1, 1)),
    ]
    assert mt.equal(m(x), mt.cat(expected, dim=1))


def test_figure_6_alternates_rows_and_columns(x):
    m = module("figure6")
    expected = [
        m.branch1x1(x),
        chain(m, x, *(f"branch7x7_{i}" for i in range(1, 4))),
        chain(m, x, *(f"branch7x7dbl_{i}" for i in range(1, 6))),
        m.branch_pool(F.avg_pool2d(x, 3, 1, 1)),
    ]
    assert mt.equal(m(x), mt.cat(expected, dim=1))
    windows = {name: c.kernel_size for name, c in convolutions(m).items()}
    assert [windows[f"branch7x7_{i}"] for i in (2, 3)] == [(1, 7), (7, 1)]
    assert [windows[f"branch7x7dbl_{i}"] for i in (2, 3, 4, 5)] == [(7, 1), (1, 7)] * 2


def test_figure_7_forks_into_a_row_and_a_column(x):
    m = module("figure7")
    single, double = m.branch3x3_1(x), chain(m, x, "branch3x3dbl_1", "branch3x3dbl_2")
    expected = [
        m.branch1x1(x),
        m.branch3x3_2a(single),
        m.branch3x3_2b(single),
        m.branch3x3dbl_3a(double),
        m.branch3x3dbl_3b(double),
        m.branch_pool(F.avg_pool2d(x, 3, 1, 1)),
    ]
    assert mt.equal(m(x), mt.cat(expected, dim=1))
    windows = {name: c.kernel_size for name, c in convolutions(m).items()}
    assert [windows[f"branch3x3_2{i}"] for i in "ab"] == [(1, 3), (3, 1)]
    assert [windows[f"branch3x3dbl_3{i}"] for i in "ab"] == [(1, 3), (3, 1)]


@pytest.mark.parametrize("name", ["figure10", "figure10_with_sevens"])
def test_figure_10_halves_the_grid_beside_a_pooling_without_padding(name, x):
    m = module(name)
    y = m(x)
    assert y.shape[2:] == (4, 4)
    assert mt.equal(y[:, -3:], F.max_pool2d(x, 3, 2))
    strided = [c for c in convolutions(m).values() if c.stride == (2, 2)]
    assert [c.padding for c in strided] == [(0, 0)] * 2


def convolutions(block):
    """The convolutions of a block by the names of its layers."""
    return {name: layer.conv for name, layer in block.named_children() if hasattr(layer, "conv")}


@pytest.mark.parametrize("name", MODULES)
def test_the_gradients_of_a_module_are_slopes(name):
    gradients_are_slopes(module(name, width=1 / 128), 2, 3, 7, 7)


def test_the_gradients_of_the_auxiliary_head_are_slopes():
    gradients_are_slopes(auxiliary_head(3, 70, width=1 / 128), 3, 3, 17, 17)


def test_batch_norm_has_the_settings_of_the_published_weights():
    with nn.shapes_only():
        model = create_model("inception_v3", aux=True)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.1)}
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(norms) == len(convs) == 96 and all(c.bias is None for c in convs)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.5]


def test_the_auxiliary_head_answers_in_training_on_images_of_299():
    with nn.shapes_only():
        model = create_model("inception_v3", aux=True)
    assert [y.shape for y in model(mt.zeros(0, 3, 299, 299))] == [(0, 1000)] * 2
    assert model.heads == {"Mixed_6e": "AuxLogits"}
    with pytest.raises(ValueError, match=r"InceptionV3: .* at least 299"):
        model(mt.zeros(0, 3, 299, 298))
    assert model.eval()(mt.zeros(0, 3, 75, 75)).shape == (0, 1000)


def test_weights_start_as_published():
    model = create_model("inception_v3", aux=True, width=1 / 4)
    for layer, std in (
        (model.Mixed_6e.branch1x1.conv, 0.1),
        (model.AuxLogits.conv0.conv, 0.1),
        (model.AuxLogits.conv1.conv, 0.01),
        (model.AuxLogits.fc, 0.001),
        (model.fc, 0.1),
    ):
        assert abs(layer.weight.std().item() / std - 1) < 0.03
