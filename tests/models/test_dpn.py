"""Dual path networks add to their first channels and append the others, as in the authors' nets."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.dpn import DualPathBlock
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

# Channels after each stage: the residual ones, 2 + (blocks) times the increment.
CHANNELS = {
    "dpn68": (64 + 5 * 16, 128 + 6 * 32, 256 + 14 * 32, 512 + 5 * 64),
    "dpn92": (256 + 5 * 16, 512 + 6 * 32, 1024 + 22 * 24, 2048 + 5 * 128),
    "dpn98": (256 + 5 * 16, 512 + 8 * 32, 1024 + 22 * 32, 2048 + 5 * 128),
    "dpn131": (256 + 6 * 16, 512 + 10 * 32, 1024 + 30 * 32, 2048 + 5 * 128),
}
LAST = {"dpn68": (3, 4, 12, 3), "dpn92": (3, 4, 20, 3), "dpn98": (3, 6, 20, 3)}
LAST["dpn131"] = (4, 8, 28, 3)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_stage_has_its_size(name):
    found = stages(name, 3, 224, 224)
    shapes = [(c, s, s) for c, s in zip(CHANNELS[name], (56, 28, 14, 7), strict=True)]
    blocks = [f"features.conv{i}_{n}" for i, n in enumerate(LAST[name], 2)]
    assert [found[block] for block in blocks] == shapes
    assert found["features.conv1_1"][1:] == (112, 112)
    assert found["features.conv1_pool"][1:] == (56, 56)


def test_all_batch_norms_have_an_eps_of_a_thousandth():
    with nn.shapes_only():
        model = create_model("dpn92")
    assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


def test_a_block_adds_to_its_first_channels_and_appends_the_newest_last():
    block, x = DualPathBlock(5, 4, 3, 2, 2), mt.randn(2, 5, 6, 6)
    y = block.c1x1_c(block.c3x3_b(block.c1x1_a(x)))
    out = block(x)
    assert out.shape[1] == block.out_channels == 7
    assert mt.equal(out[:, :3], x[:, :3] + y[:, :3])
    assert mt.equal(out[:, 3:5], x[:, 3:]) and mt.equal(out[:, 5:], y[:, 3:])


def test_the_first_block_of_a_stage_projects_its_input_to_two_increments():
    block, x = DualPathBlock(5, 4, 3, 2, 2, stride=2), mt.randn(2, 5, 6, 6)
    y = block.c1x1_c(block.c3x3_b(block.c1x1_a(x)))
    kept = block.c1x1_w_s2(x)
    expected = mt.cat([kept[:, :3] + y[:, :3], kept[:, 3:], y[:, 3:]], dim=1)
    assert mt.equal(block(x), expected) and expected.shape == (2, 9, 3, 3)


@pytest.mark.parametrize("name", CHANNELS)
def test_the_last_activation_is_a_relu(name):
    """The default of the authors' symbols, as everywhere in their nets."""
    width = 1 / 32
    last = create_model(name, num_classes=2, width=width).eval().features.conv5_bn_ac
    x = mt.randn(4, last.bn.num_features, 3, 3)
    normed = last.bn(x).detach().numpy()
    assert (normed < 0).any()
    np.testing.assert_array_equal(last(x).detach().numpy(), np.maximum(normed, 0))


@pytest.mark.parametrize("stride", [None, 1, 2])
def test_the_gradients_of_a_block_are_slopes(stride):
    gradients_are_slopes(DualPathBlock(3, 2, 2, 1, 2, stride), 2, 3, 4, 3)
