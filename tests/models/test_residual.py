"""Blocks add what they make of their input to it, by the shortcut that they are told."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models.residual import (
    BasicBlock,
    Bottleneck,
    PlainBlock,
    basic,
    bottleneck,
    draw_he_weights,
    make_shortcut,
    stage,
)
from tests.models.compare import agrees_with_torch, gradients_are_slopes

KINDS = {
    "basic": lambda c, o, s, d: BasicBlock(c, o, s, d),
    "bottleneck": lambda c, o, s, d: Bottleneck(c, (2, 2, o), (1, s), 1, d),
    "first": lambda c, o, s, d: Bottleneck(c, (2, 4, o), (s, 1), 2, d),
}


def test_shortcut_a_takes_every_second_pixel_and_adds_zeros_without_parameters():
    shortcut, x = make_shortcut("A", 3, 5, 2), mt.randn(2, 3, 5, 4)
    y = shortcut(x)
    assert y.shape == (2, 5, 3, 2) and not list(shortcut.parameters())
    np.testing.assert_array_equal(y.array[:, :3], x.array[:, :, ::2, ::2])
    assert not y.array[:, 3:].any()


def test_shortcut_b_projects_where_the_shape_changes_and_c_everywhere():
    shapes = [(4, 4, 1), (4, 4, 2), (4, 8, 1)]
    kinds = {o: [type(make_shortcut(o, *shape)) for shape in shapes] for o in "ABC"}
    assert kinds["A"] == kinds["B"] == [type(None), nn.Sequential, nn.Sequential]
    assert kinds["C"] == [nn.Sequential] * 3
    conv, norm = make_shortcut("B", 4, 8, 2)
    assert conv.weight.shape == (8, 4, 1, 1) and conv.bias is None and norm.num_features == 8
    assert make_shortcut("B", 4, 8, 2)(mt.randn(1, 4, 5, 4)).shape == (1, 8, 3, 2)


def test_another_shortcut_is_refused():
    with pytest.raises(ValueError, match="make_shortcut: option='D' must be 'A', 'B' or 'C'"):
        make_shortcut("D", 4, 4, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", "AB")
def test_a_block_cuts_the_sum_of_branch_and_shortcut_at_zero(kind, option):
    x = mt.randn(2, 4, 5, 4)
    block = KINDS[kind](4, 6, 2, make_shortcut(option, 4, 6, 2))
    np.testing.assert_array_equal(
        block(x).array, np.maximum(block.branch(x).array + block.downsample(x).array, 0)
    )
    block = KINDS[kind](4, 4, 1, None)
    np.testing.assert_array_equal(block(x).array, np.maximum(block.branch(x).array + x.array, 0))


def test_a_plain_block_is_the_branch_alone():
    x, block = mt.randn(2, 4, 5, 4), basic(None)(4, 6, 2)
    assert type(block) is PlainBlock
    np.testing.assert_array_equal(block(x).array, np.maximum(block.branch(x).array, 0))


def test_only_the_first_block_of_a_stage_changes_channels_and_size():
    made = []

    def make(*shape):
        made.append(shape)
        return basic("B")(*shape)

    assert stage(make, 4, 6, 3, 2)(mt.randn(2, 4, 8, 8)).shape == (2, 6, 4, 4)
    assert made == [(4, 6, 2), (6, 6, 1), (6, 6, 1)]


@pytest.mark.parametrize(("stride_first", "strides"), [(True, [2, 1]), (False, [1, 2])])
def test_a_bottleneck_strides_where_it_is_told(stride_first, strides):
    block = bottleneck("B", 4, 2, stride_first)(4, 8, 2)
    convs = (block.conv1, block.conv2)
    found = [c.stride if isinstance(c.stride, int) else c.stride[0] for c in convs]
    assert found == strides and [c.groups for c in convs] == [1, 2]


def test_weights_have_the_variance_that_keeps_gradients_in_size():
    model = nn.Sequential(nn.Conv2d(32, 64, 3), nn.Conv2d(64, 128, 3, groups=4), nn.Linear(9, 4))
    linear = model[2].weight.array.copy()
    draw_he_weights(model)
    for conv, outputs in ((model[0], 64 * 9), (model[1], 32 * 9)):
        assert conv.weight.array.std() == pytest.approx(math.sqrt(2 / outputs), rel=0.03)
    assert np.array_equal(model[2].weight.array, linear) and not model[2].bias.array.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("option", "outputs", "stride"), [("A", 3, 1), ("A", 4, 2), ("B", 4, 2)])
def test_the_gradients_of_a_block_are_slopes(kind, option, outputs, stride):
    block = KINDS[kind](3, outputs, stride, make_shortcut(option, 3, outputs, stride))
    gradients_are_slopes(block, 2, 3, 3, 4)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_the_second_derivatives_of_a_block_are_slopes_too(kind):
    block = KINDS[kind](2, 3, 2, make_shortcut("B", 2, 3, 2)).double()
    x = mt.randn(2, 2, 3, 3, dtype=mt.float64, requires_grad=True)
    assert mt.gradgradcheck(block, (x,))


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_agrees_with_torch(kind):
    torch = pytest.importorskip("torch")
    layers = torch.nn

    class Theirs(layers.Module):
        def __init__(self):
            super().__init__()
            if kind == "basic":
                settings = [(4, 6, 3, 2, 1, 1), (6, 6, 3, 1, 1, 1)]
            elif kind == "bottleneck":
                settings = [(4, 2, 1, 1, 0, 1), (2, 2, 3, 2, 1, 1), (2, 6, 1, 1, 0, 1)]
            else:
                settings = [(4, 2, 1, 2, 0, 1), (2, 4, 3, 1, 1, 2), (4, 6, 1, 1, 0, 1)]
            self.steps = layers.ModuleList()
            for inputs, outputs, kernel, stride, padding, groups in [*settings, (4, 6, 1, 2, 0, 1)]:
                self.steps.append(
                    layers.Sequential(
                        layers.Conv2d(
                            inputs, outputs, kernel, stride, padding, groups=groups, bias=False
                        ),
                        layers.BatchNorm2d(outputs),
                    )
                )

        def forward(self, x):
            y = x
            for step in self.steps[:-2]:
                y = torch.relu(step(y))
            return torch.relu(self.steps[-2](y) + self.steps[-1](x))

    ours = KINDS[kind](4, 6, 2, make_shortcut("B", 4, 6, 2))
    agrees_with_torch(torch, ours, Theirs(), 2, 4, 6, 5)
