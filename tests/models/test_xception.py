"""Xception is figure 5 of its paper, and its blocks look at places and at channels apart."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import SeparableConv
from minitorch_cnn.models.xception import Block
from tests import oracle
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def test_every_stage_has_the_size_of_figure_5():
    found = stages("xception", 3, 299, 299)
    names = ["relu1", "relu2", *(f"block{i}" for i in range(1, 13)), "relu3", "relu4", "avgpool"]
    channels = [32, 64, 128, 256, *[728] * 9, 1024, 1536, 2048, 2048]
    sizes = [149, 147, 74, 37, *[19] * 9, 10, 10, 10, 1]
    assert [found[name] for name in names] == [
        (c, n, n) for c, n in zip(channels, sizes, strict=True)
    ]


def test_the_net_has_36_convolutions_and_shortcuts_that_project_where_the_image_halves():
    with nn.shapes_only():
        model = create_model("xception")
    plain = [m for m in (model.conv1, model.conv2) if m.kernel_size == (3, 3)]
    separable = [m for m in model.modules() if isinstance(m, SeparableConv)]
    assert len(plain) + len(separable) == 36
    blocks = [getattr(model, f"block{i}") for i in range(1, 13)]
    assert [i for i, b in enumerate(blocks, 1) if b.skip is not None] == [1, 2, 3, 12]
    assert [type(b.rep[0]) for b in blocks] == [SeparableConv, *[nn.ReLU] * 11]


def test_a_block_adds_the_input_to_the_branch_without_an_activation():
    block, x = Block(4, (6, 4), 1), mt.randn(2, 4, 5, 6)
    y = x
    for layer in block.rep:
        y = layer(y)
    assert [type(layer).__name__ for layer in block.rep] == [
        *("ReLU", "SeparableConv", "BatchNorm2d"),
        *("ReLU", "SeparableConv", "BatchNorm2d"),
    ]
    assert mt.equal(block(x), y + x) and (block(x) < 0).any().item()


def test_a_block_with_a_stride_takes_maxima_and_projects_the_input():
    block, x = Block(3, (4, 5), 2, relu_first=False).eval(), mt.randn(2, 3, 7, 6)
    y = oracle.max_pool2d(block.rep[:-1](x).detach().numpy(), (3, 3), (2, 2), ((1, 1), (1, 1)))
    w = block.skip.weight.detach().numpy()[:, :, 0, 0]
    shortcut = np.einsum("oi,nihw->nohw", w, x.numpy()[:, :, ::2, ::2]) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(block(x).detach().numpy(), y + shortcut, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_of_a_block_are_slopes(stride):
    gradients_are_slopes(Block(2, (3, 2), stride), 2, 2, 5, 4)
