"""Inception-ResNets have the stages of the paper and add scaled branches as it says."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.inception_resnet import (
    TABLE_V1,
    TABLE_V2,
    Residual,
    ResidualBranches,
    conv_bn_relu,
)
from minitorch_cnn.models.tables import Conv, build
from tests.models.compare import gradients_are_slopes
from tests.models.stages import poolings, stages

STEM = {
    "conv2d_1a": (32, 149, 149),
    "conv2d_2a": (32, 147, 147),
    "conv2d_2b": (64, 147, 147),
    "maxpool_3a": (64, 73, 73),
    "conv2d_3b": (80, 73, 73),
    "conv2d_4a": (192, 71, 71),
}
OUTPUTS = {
    "inception_resnet_v1": {
        **STEM,
        "conv2d_4b": (256, 35, 35),
        "repeat": (256, 35, 35),
        "mixed_6a": (896, 17, 17),
        "repeat_1": (896, 17, 17),
        "mixed_7a": (1792, 8, 8),
        "block8": (1792, 8, 8),
        "avgpool": (1792, 1, 1),
    },
    "inception_resnet_v2": {
        **STEM,
        "maxpool_5a": (192, 35, 35),
        "mixed_5b": (320, 35, 35),
        "repeat": (320, 35, 35),
        "mixed_6a": (1088, 17, 17),
        "repeat_1": (1088, 17, 17),
        "mixed_7a": (2080, 8, 8),
        "block8": (2080, 8, 8),
        "conv2d_7b": (1536, 8, 8),
        "avgpool": (1536, 1, 1),
    },
}
# Blocks of each kind, their scale, and whether a ReLU follows the addition.
BLOCKS = {
    "inception_resnet_v1": [(0.17, True)] * 5 + [(0.1, True)] * 10 + [(0.2, True)] * 5,
    "inception_resnet_v2": [(0.17, True)] * 10 + [(0.1, True)] * 20 + [(0.2, True)] * 9,
}
MODULES = {
    f"v{version} {name}": step[0] if name.startswith("repeat") else step
    for version, table in ((1, TABLE_V1), (2, TABLE_V2))
    for name, step in table.items()
    if name.startswith(("mixed", "repeat", "block"))
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_stage_has_its_size(name):
    found = stages(name, 3, 299, 299)
    assert {stage: found[stage] for stage in OUTPUTS[name]} == OUTPUTS[name]


@pytest.mark.parametrize("name", BLOCKS)
def test_the_blocks_have_the_published_numbers_and_scales(name):
    with nn.shapes_only():
        model = create_model(name)
    blocks = [m for m in model.modules() if isinstance(m, ResidualBranches)]
    assert [(m.scale, m.relu) for m in blocks] == [*BLOCKS[name], (1.0, False)]
    assert all(m.conv2d.bias is not None for m in blocks)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == len(norms) + len(blocks)
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.1)}


@pytest.mark.parametrize("relu", [True, False])
def test_a_block_adds_its_scaled_branches_to_its_input(relu):
    row = Residual(MODULES["v2 repeat"].paths, 0.3, relu)
    block, channels = build(row, 4, conv_bn_relu, 1 / 16)
    x = mt.randn(2, 4, 6, 6)
    branches = mt.cat([block.branch0(x), block.branch1(x), block.branch2(x)], dim=1)
    y = x + 0.3 * block.conv2d(branches)
    assert mt.equal(block(x), y.relu() if relu else y) and (y < 0).any().item()
    assert channels == block.out_channels == 4


@pytest.mark.parametrize("name", MODULES)
def test_the_gradients_of_a_module_are_slopes(name):
    module, _ = build(MODULES[name], 3, conv_bn_relu, 1 / 128)
    gradients_are_slopes(module, 2, 3, 7, 7)


@pytest.mark.parametrize(
    ("name", "averages"), [("inception_resnet_v1", 0), ("inception_resnet_v2", 1)]
)
def test_maxima_halve_without_padding_and_averages_leave_it_out(name, averages):
    with nn.shapes_only():
        model = create_model(name)
    maximum, average = (nn.MaxPool2d, 3, 2, 0, False), (nn.AvgPool2d, 3, 1, 1, False)
    found = sorted(poolings(model).values(), key=str)
    assert found == sorted([maximum] * (3 + averages) + [average] * averages, key=str)
    assert not any(m.count_include_pad for m in model.modules() if isinstance(m, nn.AvgPool2d))


def test_the_gated_net_scales_its_40_branches_before_it_adds_them():
    with nn.shapes_only():
        model = create_model("se_inception_resnet_v2")
    blocks = [m for m in model.modules() if isinstance(m, ResidualBranches)]
    assert [m.gate.fc1.weight.shape[0] for m in blocks] == [20] * 10 + [68] * 20 + [130] * 10
    row = Residual(MODULES["v2 repeat_1"].paths, 0.3, gated=True)
    block, _ = build(row, 4, conv_bn_relu, 1 / 16)
    x = mt.randn(2, 4, 6, 6)
    y = block.conv2d(mt.cat([block.branch0(x), block.branch1(x)], dim=1))
    assert mt.equal(block(x), (x + 0.3 * block.gate(y)).relu())


def test_the_gradients_of_a_gated_block_are_slopes():
    row = Residual([{"branch0": Conv(2, 1)}, {"branch1": Conv(1, 3)}], 0.3, gated=True)
    block, _ = build(row, 2, conv_bn_relu, 1 / 8)
    gradients_are_slopes(block, 2, 2, 4, 3)
