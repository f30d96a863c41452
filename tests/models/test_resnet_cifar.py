"""The ResNets for small images have 6n + 2 layers in three stages, and the shortcuts asked for."""

import pytest

from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.residual import BasicBlock, PlainBlock
from tests.models.stages import stages

NAMES = [f"resnet{depth}_cifar" for depth in (20, 32, 44, 56, 110, 1202)]
PLAIN = [f"plain{depth}_cifar" for depth in (20, 32, 44, 56, 110)]


def build(name, **settings):
    with nn.shapes_only():
        return create_model(name, **settings)


@pytest.mark.parametrize("name", ["resnet20_cifar", "plain20_cifar"])
def test_every_stage_has_its_size(name):
    found = stages(name, 3, 32, 32)
    expected = {
        "conv1": (16, 32, 32),
        "layer1": (16, 32, 32),
        "layer2": (32, 16, 16),
        "layer3": (64, 8, 8),
        "avgpool": (64, 1, 1),
        "fc": (10,),
    }
    assert {layer: found[layer] for layer in expected} == expected


@pytest.mark.parametrize("name", NAMES + PLAIN)
def test_the_name_counts_the_layers_with_weights(name):
    model = build(name)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert f"{len(layers)}_cifar" == name.removeprefix("resnet").removeprefix("plain")
    assert len({len(getattr(model, f"layer{i}")) for i in (1, 2, 3)}) == 1


def test_all_of_them_are_registered():
    assert sorted(NAMES) == list_models("resnet*_cifar")
    assert sorted(PLAIN) == list_models("plain*_cifar")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shortcut", "BC")
def test_b_projects_twice_and_c_in_every_block(name, shortcut):
    model = build(name, shortcut=shortcut)
    projections = [k for k in model.state_dict() if "downsample.0.weight" in k]
    assert len(projections) == (2 if shortcut == "B" else 3 * len(model.layer1))


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_net_has_the_layers_of_a_resnet_and_adds_nothing(name):
    plain, residual = build(name), build(name.replace("plain", "resnet"))
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (plain, residual)]
    assert shapes[0] == shapes[1]
    assert {type(block) for block in plain.layer2} == {PlainBlock}
    assert {type(block) for block in residual.layer2} == {BasicBlock}
