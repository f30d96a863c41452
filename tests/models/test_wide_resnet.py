"""Wide ResNets are as deep and as wide as their names say, with dropout inside the blocks."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.wide_resnet import WideBlock, wide
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


@pytest.fixture(params=list_models("wrn_*"))
def name(request):
    return request.param


def test_every_stage_has_its_size(name):
    found, factor = stages(name, 3, 32, 32), int(name.split("_")[2])
    sizes = [(16 * factor, 32, 32), (32 * factor, 16, 16), (64 * factor, 8, 8)]
    assert [found[f"layer{i}"] for i in (1, 2, 3)] == sizes and found["conv1"] == (16, 32, 32)


def test_the_name_counts_the_convolutions(name):
    with nn.shapes_only():
        convs = [m for m in create_model(name).modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == int(name.split("_")[1])
    assert all(conv.bias is None for conv in convs)


def test_only_the_first_block_of_a_stage_projects(name):
    with nn.shapes_only():
        model = create_model(name)
    for stage in (model.layer1, model.layer2, model.layer3):
        assert [block.downsample is None for block in stage] == [False] + [True] * (len(stage) - 1)


def test_dropout_stands_between_the_convolutions_behind_the_relu():
    block, seen = wide(0.5)(4, 8, 1), {}
    for layer in ("bn2", "dropout", "conv2"):
        getattr(block, layer).register_forward_hook(
            lambda module, inputs, y, layer=layer: seen.update({layer: (inputs[0], y)})
        )
    block(mt.randn(2, 4, 6, 6))
    np.testing.assert_array_equal(seen["dropout"][0].array, np.maximum(seen["bn2"][1].array, 0))
    assert seen["conv2"][0] is seen["dropout"][1]


def test_dropout_is_a_setting_of_all_blocks():
    with nn.shapes_only():
        models = [create_model("wrn_16_4", **settings) for settings in ({}, {"dropout": 0.3})]
    for model, p in zip(models, (0.0, 0.3), strict=True):
        assert {m.dropout.p for m in model.modules() if isinstance(m, WideBlock)} == {p}


def test_a_block_that_drops_everything_is_its_shortcut():
    block, x = wide(1.0)(4, 4, 1), mt.randn(2, 4, 6, 6)
    assert mt.equal(block(x), x) and not mt.equal(block.eval()(x), x)


@pytest.mark.parametrize(("outputs", "stride"), [(4, 1), (6, 2)])
def test_the_gradients_of_a_block_are_slopes(outputs, stride):
    gradients_are_slopes(wide(0.0)(4, outputs, stride), 2, 4, 3, 3)
