"""EfficientNet-Lites have the paper's table, scaled but for its ends, and TensorFlow's padding."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.efficientnet_lite import MBConv
from tests import oracle
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def test_every_stage_has_the_size_of_table_1():
    found = stages("efficientnet_lite0", 3, 224, 224)
    channels, sizes = [16, 24, 40, 80, 112, 192, 320], [112, 56, 28, 14, 14, 7, 7]
    expected = [(c, n, n) for c, n in zip(channels, sizes, strict=True)]
    assert found["act1"] == (32, 112, 112)
    assert [found[f"blocks.{i}"] for i in range(7)] == expected
    assert found["act2"] == (1280, 7, 7)


@pytest.mark.parametrize(
    ("name", "blocks", "channels"),
    [
        ("efficientnet_lite0", [1, 2, 2, 3, 3, 4, 1], [16, 24, 40, 80, 112, 192, 320]),
        ("efficientnet_lite1", [1, 3, 3, 4, 4, 5, 1], [16, 24, 40, 80, 112, 192, 320]),
        ("efficientnet_lite2", [1, 3, 3, 4, 4, 5, 1], [16, 24, 48, 88, 120, 208, 352]),
        ("efficientnet_lite3", [1, 3, 3, 5, 5, 6, 1], [24, 32, 48, 96, 136, 232, 384]),
        ("efficientnet_lite4", [1, 4, 4, 6, 6, 8, 1], [24, 32, 56, 112, 160, 272, 448]),
    ],
)
def test_depth_and_width_grow_but_for_the_first_and_the_last_layers(name, blocks, channels):
    """Blocks are rounded up, channels to multiples of 8, as the authors' parameters show."""
    with nn.shapes_only():
        model = create_model(name)
    assert [len(stage) for stage in model.blocks] == blocks
    assert [stage[-1].steps()[-1][0].out_channels for stage in model.blocks] == channels
    assert model.conv_stem.out_channels == 32 and model.conv_head.out_channels == 1280


def test_the_classifier_alone_has_dropout_and_the_largest_nets_more():
    with nn.shapes_only():
        nets = [create_model(f"efficientnet_lite{i}") for i in range(5)]
    assert [net.dropout.p for net in nets] == [0.2, 0.2, 0.3, 0.3, 0.3]


@pytest.mark.parametrize(("size", "padding"), [(8, (1, 2)), (7, (2, 2))])
def test_a_strided_block_is_padded_as_in_tensorflow(size, padding):
    """5 x 5 windows of stride 2: 3 rows and columns, the larger half behind, for even sizes."""
    mt.manual_seed(0)
    block, x = MBConv(2, 3, 5, 2, 6).eval(), mt.randn(2, 2, size, size)
    expand, depthwise, project = (p.detach().numpy() for p in block.parameters() if p.ndim == 4)
    scale = 1 / np.sqrt(1 + 1e-3)  # of a batch norm that has seen nothing
    y = oracle.conv2d(x.numpy(), expand, (1, 1), ((0, 0), (0, 0)))
    y = np.clip(y * scale, 0, 6)
    y = oracle.conv2d(y, depthwise, (2, 2), (padding, padding), groups=12)
    y = np.clip(y * scale, 0, 6)
    y = oracle.conv2d(y, project, (1, 1), ((0, 0), (0, 0))) * scale
    found = block(x).detach().numpy()
    assert found.shape == (2, 3, 4, 4)
    np.testing.assert_allclose(found, y, atol=1e-5)


def test_only_a_block_that_changes_nothing_adds_its_input():
    for block in (MBConv(4, 4, 3, 1, 6), MBConv(4, 4, 5, 1, 1)):
        x, y = mt.randn(2, 4, 5, 6), None
        for conv, norm in block.steps():
            y = norm(conv(x if y is None else block.act(y)))
        assert block.adds and mt.equal(block(x), x + y) and (y < 0).any().item()
    assert not MBConv(4, 5, 3, 1, 6).adds and not MBConv(4, 4, 3, 2, 6).adds


@pytest.mark.parametrize(("stride", "expansion"), [(1, 1), (1, 2), (2, 2)])
def test_the_gradients_of_a_block_are_slopes(stride, expansion):
    gradients_are_slopes(MBConv(2, 2, 3, stride, expansion), 2, 2, 5, 4)
