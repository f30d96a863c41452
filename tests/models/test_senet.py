"""SENets have the stages of the paper, and strides, poolings and gates as the authors' nets."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import SqueezeExcitation
from minitorch_cnn.models.residual import projection
from minitorch_cnn.models.senet import TABLE, GatedBottleneck
from tests.models.compare import gradients_are_slopes
from tests.models.stages import poolings, stages

NAMES = {
    "se_resnet50": "resnet50",
    "se_resnet101": "resnet101",
    "se_resnet152": "resnet152",
    "se_resnext50_32x4d": "resnext50",
    "se_resnext101_32x4d": "resnext101",
    "senet154": "senet154",
}


@pytest.fixture(params=NAMES)
def model(request):
    with nn.shapes_only():
        return create_model(request.param)


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_has_its_size(name):
    found = stages(name, 3, 224, 224)
    expected = [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]
    assert [found[f"layer{i}"] for i in range(1, 5)] == expected
    assert found["layer0"][1:] == (56, 56)


def test_senet154_begins_with_three_3x3_convolutions_of_64_64_and_128_filters():
    found = stages("senet154", 3, 224, 224)
    shapes = [found[f"layer0.conv{i}"] for i in (1, 2, 3)]
    assert shapes == [(64, 112, 112), (64, 112, 112), (128, 112, 112)]


def test_the_pooling_has_no_padding_and_rounds_up(model):
    assert poolings(model) == {"layer0.pool": (nn.MaxPool2d, 3, 2, 0, True)}


def strides(name):
    with nn.shapes_only():
        block = create_model(name).layer2[0]
    convs = (block.conv1, block.conv2, block.downsample[0])
    return [conv.stride if isinstance(conv.stride, int) else conv.stride[0] for conv in convs]


def test_only_se_resnets_stride_in_the_first_convolution_of_a_block():
    assert strides("se_resnet50") == [2, 1, 2]
    assert strides("se_resnext50_32x4d") == strides("senet154") == [1, 2, 2]


def test_every_block_has_a_gate_of_one_unit_for_16_channels(model):
    blocks = [m for m in model.modules() if isinstance(m, GatedBottleneck)]
    assert all(16 * b.se_module.fc1.weight.shape[0] == b.bn3.weight.shape[0] for b in blocks)
    gates = [m for m in model.modules() if isinstance(m, SqueezeExcitation)]
    assert len(gates) == len(blocks)


def test_only_senet154_drops_units_unless_it_is_told_otherwise(model):
    wide_stem = hasattr(model.layer0, "conv3")
    assert model.dropout.p == (0.2 if wide_stem else 0.0)
    with nn.shapes_only():
        assert create_model("senet154", dropout=0.0).dropout.p == 0.0


def test_the_table_has_the_depths_of_the_names():
    depths = {name: 3 * sum(design.blocks) + 1 for name, design in TABLE.items()}
    depths["senet154"] += 2
    assert all(name.endswith(str(depth + 1)) for name, depth in depths.items())


def test_a_block_gates_its_branch_before_it_adds_its_input():
    block, x = GatedBottleneck(4, (2, 2, 4), 2), mt.randn(2, 4, 5, 5)
    y = block.bn1(block.conv1(x)).relu()
    y = block.bn3(block.conv3(block.bn2(block.conv2(y)).relu()))
    assert mt.equal(block(x), (block.se_module(y) + x).relu())


@pytest.mark.parametrize(
    ("strides", "groups", "kernel"),
    [((1, 1), 1, None), ((2, 1), 1, 1), ((1, 2), 2, 3)],
)
def test_the_gradients_of_a_block_are_slopes(strides, groups, kernel):
    downsample = projection(3, 3, max(strides), kernel) if kernel else None
    block = GatedBottleneck(3, (2, 2, 3), 1, strides, groups, downsample)
    gradients_are_slopes(block, 2, 3, 5, 4)


def test_only_senet154_has_3x3_projections_and_not_in_the_first_stage():
    with nn.shapes_only():
        models = [create_model(name) for name in NAMES]
    for model in models:
        stages = (model.layer1, model.layer2, model.layer3, model.layer4)
        kernels = [stage[0].downsample[0].weight.shape[-1] for stage in stages]
        assert kernels == ([1, 3, 3, 3] if hasattr(model.layer0, "conv3") else [1, 1, 1, 1])
        assert all(block.downsample is None for stage in stages for block in list(stage)[1:])
