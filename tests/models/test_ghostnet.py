"""GhostNets have the paper's table, and modules half of whose maps are made from the other half."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import SqueezeExcitation
from minitorch_cnn.models.ghostnet import GhostBottleneck, GhostModule, Row
from tests import oracle
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def test_every_stage_has_the_size_of_table_1():
    found = stages("ghostnet_100", 3, 224, 224)
    channels = [16, 24, 24, 40, 40, 80, 112, 160, 160, 960]
    sizes = [112, 56, 56, 28, 28, 14, 14, 7, 7, 7]
    expected = [(c, n, n) for c, n in zip(channels, sizes, strict=True)]
    assert found["act1"] == (16, 112, 112)
    assert [found[f"blocks.{i}"] for i in range(10)] == expected
    assert found["act2"] == (1280, 1, 1)


def test_the_gates_are_those_of_table_1_and_hard():
    with nn.shapes_only():
        model = create_model("ghostnet_100")
    gates = {n: m for n, m in model.named_modules() if isinstance(m, SqueezeExcitation)}
    places = ["3.0", "4.0", "6.3", "6.4", "7.0", "8.1", "8.3"]
    assert list(gates) == [f"blocks.{place}.se" for place in places]
    assert {gate.gate for gate in gates.values()} == {mt.functional.hardsigmoid}


def normalised(y):
    return oracle.batch_norm(y, np.ones(y.shape[1]), np.zeros(y.shape[1]), 1e-5)


@pytest.mark.parametrize("relu", [True, False])
def test_half_of_a_ghost_modules_maps_are_made_each_from_one_of_the_others(relu):
    module, x = GhostModule(3, 8, 3, stride=2, relu=relu), mt.randn(2, 3, 6, 5)
    primary, cheap = (p.detach().numpy() for p in module.parameters() if p.ndim == 4)
    assert primary.shape == (4, 3, 3, 3) and cheap.shape == (4, 1, 3, 3)
    least = 0 if relu else -np.inf
    by_one = ((1, 1), (1, 1))
    first = np.maximum(normalised(oracle.conv2d(x.numpy(), primary, (2, 2), by_one)), least)
    second = np.maximum(normalised(oracle.conv2d(first, cheap, (1, 1), by_one, groups=4)), least)
    y = module(x).detach().numpy()
    np.testing.assert_allclose(y, np.concatenate([first, second], 1), atol=1e-5)
    assert (y < 0).any() != relu


def test_a_ghost_module_refuses_an_odd_number_of_maps():
    with pytest.raises(ValueError, match="GhostModule: out_channels=7 must be even"):
        GhostModule(3, 7)


def test_a_block_that_changes_nothing_adds_its_input():
    block, x = GhostBottleneck(4, Row(5, 8, 4, gated=True)), mt.randn(2, 4, 5, 6)
    assert mt.equal(block(x), block.ghost2(block.se(block.ghost1(x))) + x)


def test_a_block_with_a_stride_filters_each_channel_in_between_and_in_the_shortcut():
    block, x = GhostBottleneck(4, Row(5, 8, 6, gated=False, stride=2)), mt.randn(2, 4, 7, 6)
    y = block.ghost2(block.bn_dw(block.conv_dw(block.ghost1(x)))) + block.shortcut(x)
    assert mt.equal(block(x), y) and y.shape == (2, 6, 4, 3)
    assert block.conv_dw.weight.shape == (8, 1, 5, 5)
    assert [p.shape for p in block.shortcut.parameters() if p.ndim == 4] == [
        (4, 1, 5, 5),
        (6, 4, 1, 1),
    ]


def test_a_block_ends_without_an_activation():
    block = GhostBottleneck(4, Row(3, 8, 4, gated=False))
    assert any(isinstance(m, nn.ReLU) for m in block.ghost1.modules())
    assert not any(isinstance(m, nn.ReLU) for m in block.ghost2.modules())


@pytest.mark.parametrize("row", [Row(3, 4, 2, gated=True), Row(3, 4, 4, gated=False, stride=2)])
def test_the_gradients_of_a_block_are_slopes(row):
    gradients_are_slopes(GhostBottleneck(2, row), 2, 2, 5, 4)
