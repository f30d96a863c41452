"""Residual blocks of every family are found, and no other modules."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis.blocks import residual_blocks
from minitorch_cnn.models import create_model, model_entry
from minitorch_cnn.tensor import Tensor

from .nets import Residual, scaling


def blocks_of(name):
    shape = model_entry(name).input_shape
    return residual_blocks(create_model(name), Tensor(np.zeros((1, *shape), np.float32)), "test")[1]


@pytest.mark.parametrize(
    "name, count, identities",
    [
        ("resnet20_cifar", 9, 7),
        ("resnet50", 16, 12),
        ("preact_resnet110_cifar", 54, 51),
        ("wrn_16_4", 6, 3),
        ("mobilenet_v2_035", 10, 10),
        ("ghostnet_050", 16, 11),
        ("efficientnet_lite0", 9, 9),
        ("shufflenet_v1_g1", 13, 13),
        ("highway_a_cifar", 6, 6),
        ("ror3_110_cifar", 54, 52),
        ("stochastic_depth_resnet110_cifar", 54, 52),
    ],
)
def test_the_blocks_of_a_family_are_found(name, count, identities):
    found = blocks_of(name)
    assert (len(found), sum(block.identity for block in found)) == (count, identities)


@pytest.mark.parametrize(
    "name", ["plain20_cifar", "lenet5", "densenet40_k12_cifar", "squeezenet1_0"]
)
def test_nets_without_residual_blocks_have_none(name):
    with pytest.raises(ValueError, match=r"test: .* has no residual blocks"):
        blocks_of(name)


def test_the_shortcut_is_the_shorter_of_the_two_paths():
    model = nn.Sequential(Residual(nn.Sequential(scaling(2), scaling(3)), relu=True))
    x = Tensor(np.ones((1, 2, 3, 3)))
    traced, (block,) = residual_blocks(model, x, "test")
    assert block.name == "0" and block.identity and block.last is model[0].branch[1]
    (junction,) = (node for node in traced.graph.nodes if node.name == block.junction)
    assert junction.operator == "Add" and junction.inputs[block.shortcut] == "input"
