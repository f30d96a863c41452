"""ResNets have the stages and strides of the paper, and plain nets their layers alone."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.residual import BasicBlock, Bottleneck, PlainBlock
from tests.models.stages import poolings, stages

DEPTHS = (18, 34, 50, 101, 152, 200)


def build(name, **settings):
    with nn.shapes_only():
        return create_model(name, **settings)


@pytest.mark.parametrize("name", ["plain34", "resnet34", "resnet50", "wide_resnet50_2"])
def test_every_stage_has_its_size(name):
    found, times = stages(name, 3, 224, 224), 1 if name.endswith("34") else 4
    expected = {
        "conv1": (64, 112, 112),
        "maxpool": (64, 56, 56),
        "layer1": (64 * times, 56, 56),
        "layer2": (128 * times, 28, 28),
        "layer3": (256 * times, 14, 14),
        "layer4": (512 * times, 7, 7),
        "fc": (1000,),
    }
    assert {layer: found[layer] for layer in expected} == expected


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_name_counts_the_layers_with_weights_outside_shortcuts(depth):
    layers = [
        name
        for name, m in build(f"resnet{depth}").named_modules()
        if isinstance(m, nn.Conv2d | nn.Linear) and "downsample" not in name
    ]
    assert len(layers) == depth


def test_the_pooling_overlaps():
    assert poolings(build("resnet50")) == {"maxpool": (nn.MaxPool2d, 3, 2, 1, False)}


def sizes_in_the_first_block_of_stage_2(name):
    found = stages(name, 3, 224, 224)
    return [found[f"layer2.0.conv{i}"] for i in (1, 2, 3)]


@pytest.mark.parametrize("depth", DEPTHS[2:])
def test_the_papers_bottlenecks_stride_in_the_1x1_and_torchvisions_in_the_3x3(depth):
    paper = sizes_in_the_first_block_of_stage_2(f"resnet{depth}_v1")
    assert paper == [(128, 28, 28), (128, 28, 28), (512, 28, 28)]
    torchvision = sizes_in_the_first_block_of_stage_2(f"resnet{depth}")
    assert torchvision == [(128, 56, 56), (128, 28, 28), (512, 28, 28)]


def test_a_wide_net_has_twice_the_filters_in_3x3_convolutions_and_no_others():
    state, wide = (build(name).state_dict() for name in ("resnet50", "wide_resnet50_2"))
    assert state.keys() == wide.keys()
    for key in state:
        if key.endswith("conv2.weight"):
            assert wide[key].shape[0] == 2 * state[key].shape[0]
        if key.endswith(("conv3.weight", "downsample.0.weight")):
            assert wide[key].shape[0] == state[key].shape[0]


def test_groups_and_their_width_set_the_filters_of_the_3x3_convolutions():
    model = build("resnet50", groups=32, width_per_group=4)
    assert [model.layer1[0].conv2.weight.shape, model.layer4[0].conv2.weight.shape] == [
        (128, 4, 3, 3),
        (1024, 32, 3, 3),
    ]
    assert model.layer1[0].conv3.weight.shape == (256, 128, 1, 1)


@pytest.mark.parametrize("shortcut", "ABC")
def test_the_shortcut_is_a_setting(shortcut):
    model = build("resnet34", shortcut=shortcut)
    projections = [k for k in model.state_dict() if "downsample.0.weight" in k]
    assert len(projections) == {"A": 0, "B": 3, "C": 16}[shortcut]
    with pytest.raises(ValueError, match="option='D'"):
        build("resnet34", shortcut="D")


@pytest.mark.parametrize("depth", (18, 34))
def test_a_plain_net_has_the_layers_of_a_resnet_and_adds_nothing(depth):
    plain, residual = build(f"plain{depth}"), build(f"resnet{depth}", shortcut="A")
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (plain, residual)]
    assert shapes[0] == shapes[1]
    kinds = [{type(m) for m in net.modules()} for net in (plain, residual)]
    assert PlainBlock in kinds[0] and BasicBlock not in kinds[0]
    assert BasicBlock in kinds[1] and PlainBlock not in kinds[1]


def test_deep_nets_have_bottlenecks():
    for name in list_models("resnet*[0-9]") + list_models("resnet*_v1"):
        kinds = {type(m) for m in build(name).modules()}
        depth = int(name.removeprefix("resnet").removesuffix("_v1"))
        assert (Bottleneck in kinds) == (depth >= 50) and (BasicBlock in kinds) == (depth < 50)


def test_blocks_with_zero_branches_pass_their_input_on():
    mt.manual_seed(0)
    model = create_model("resnet50", width=1 / 8, num_classes=7).eval()
    for name, module in model.named_modules():
        if name.endswith("bn3"):
            nn.init.zeros_(module.weight)
    x = mt.randn(2, 32, 9, 9).relu()
    rest = nn.Sequential(*list(model.layer1)[1:])
    np.testing.assert_array_equal(rest(x).array, x.array)
