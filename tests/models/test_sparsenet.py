"""SparseNets join the maps at powers of two, the newest first, and keep a DenseNet's design."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models.densenet import Block, Design, Layer
from minitorch_cnn.models.sparsenet import SparseNet, powers_of_two
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def test_maps_at_powers_of_two_are_joined_the_newest_first():
    found = {n: powers_of_two(n) for n in (1, 2, 3, 4, 5, 8, 9)}
    assert found == {
        1: [0],
        2: [1, 0],
        3: [2, 1],
        4: [3, 2, 0],
        5: [4, 3, 1],
        8: [7, 6, 4, 0],
        9: [8, 7, 5, 1],
    }


def test_what_follows_a_block_sees_the_same_selection():
    block = Block(4, 3, 3, lambda c: Layer(c, 3, False, 0.0, False), powers_of_two)
    x = mt.randn(2, 4, 5, 5)
    one = block.denselayer1(x)
    two = block.denselayer2(mt.cat([one, x], dim=1))
    three = block.denselayer3(mt.cat([two, one], dim=1))
    assert mt.equal(block(x), mt.cat([three, two, x], dim=1)) and block.out_channels == 10


def test_every_stage_of_sparsenet121_has_its_size():
    found = stages("sparsenet121", 3, 224, 224)
    expected = {
        "pool0": (64, 56, 56),
        "denseblock1": (32 * 3, 56, 56),
        "transition1": (48, 28, 28),
        "denseblock2": (32 * 4, 28, 28),
        "transition2": (64, 14, 14),
        "denseblock3": (32 * 5, 14, 14),
        "transition3": (80, 7, 7),
        "denseblock4": (32 * 5, 7, 7),
    }
    assert {name: found[f"features.{name}"] for name in expected} == expected


def test_only_a_net_with_bottlenecks_halves_its_channels_in_transitions():
    plain = stages("sparsenet40_k24_cifar", 3, 32, 32)
    bc = stages("sparsenet_bc100_k24_cifar", 3, 32, 32)
    assert plain["features.transition1"][0] == plain["features.denseblock1"][0]
    assert 2 * bc["features.transition1"][0] == bc["features.denseblock1"][0]
    assert plain["features.conv0"][0] == 16 and bc["features.conv0"][0] == 48


@pytest.mark.parametrize("bottleneck", [True, False])
def test_the_gradients_of_a_block_are_slopes(bottleneck):
    block = Block(2, 1, 3, lambda c: Layer(c, 1, bottleneck, 0.0, False), powers_of_two)
    gradients_are_slopes(block, 2, 2, 4, 3)


def test_a_memory_efficient_net_has_the_same_outputs_and_gradients():
    images, cotangent, found = mt.randn(3, 3, 8, 8), mt.randn(3, 7), []
    for memory_efficient in (False, True):
        mt.manual_seed(1)
        design = Design(3, (3, 3), 4, cifar=True)
        model = SparseNet(design, 7, dropout=0.2, memory_efficient=memory_efficient)
        y = model(images)
        y.backward(cotangent)
        found.append([y, *(p.grad for p in model.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) > 20
    for plain, efficient in zip(*found, strict=True):
        np.testing.assert_array_equal(plain.detach().numpy(), efficient.detach().numpy())
