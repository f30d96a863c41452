"""MobileNets v2 have the paper's table, and blocks that are wide inside and narrow where added."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.mobilenet_v2 import InvertedResidual
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def test_every_stage_has_the_size_of_table_2():
    found = stages("mobilenet_v2", 3, 224, 224)
    ends = [0, 1, 3, 6, 10, 13, 16, 17, 18]
    channels = [32, 16, 24, 32, 64, 96, 160, 320, 1280]
    sizes = [112, 112, 56, 28, 14, 14, 7, 7, 7]
    expected = [(c, n, n) for c, n in zip(channels, sizes, strict=True)]
    assert [found[f"features.{i}"] for i in ends] == expected


def test_only_blocks_that_change_nothing_are_added():
    with nn.shapes_only():
        model = create_model("mobilenet_v2")
    blocks = [m for m in model.features if isinstance(m, InvertedResidual)]
    adds = [number for number, block in enumerate(blocks, 1) if block.adds]
    assert len(blocks) == 17 and adds == [3, 5, 6, 8, 9, 10, 12, 13, 15, 16]


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("mobilenet_v2_035", [16, 8, 8, 16, 24, 32, 56, 112, 1280]),
        ("mobilenet_v2_050", [16, 8, 16, 16, 32, 48, 80, 160, 1280]),
        ("mobilenet_v2_075", [24, 16, 24, 24, 48, 72, 120, 240, 1280]),
        ("mobilenet_v2_140", [48, 24, 32, 48, 88, 136, 224, 448, 1792]),
    ],
)
def test_widths_are_multiples_of_eight_and_the_last_is_not_narrowed(name, channels):
    found = stages(name, 3, 224, 224)
    assert [found[f"features.{i}"][0] for i in (0, 1, 3, 6, 10, 13, 16, 17, 18)] == channels


@pytest.mark.parametrize("expansion", [1, 6])
def test_a_block_ends_without_an_activation(expansion):
    block, x = InvertedResidual(4, 4, 1, expansion), mt.randn(2, 4, 5, 6)
    y = x
    for layer in block.conv:
        y = layer(y)
    assert mt.equal(block(x), x + y)
    assert isinstance(block.conv[-1], nn.BatchNorm2d) and (y < 0).any().item()
    names = [type(m).__name__ for m in block.modules() if not list(m.children())]
    assert names.count("ReLU6") == (1 if expansion == 1 else 2)


def test_a_block_widens_before_it_filters_each_channel():
    block = InvertedResidual(4, 5, 2, 6)
    assert [p.shape for p in block.parameters() if p.ndim == 4] == [
        (24, 4, 1, 1),
        (24, 1, 3, 3),
        (5, 24, 1, 1),
    ]
    x = mt.randn(2, 4, 7, 6)
    assert block(x).shape == (2, 5, 4, 3)
    assert mt.equal(block(x), block.conv(x))


@pytest.mark.parametrize(("stride", "expansion"), [(1, 1), (1, 2), (2, 2)])
def test_the_gradients_of_a_block_are_slopes(stride, expansion):
    gradients_are_slopes(InvertedResidual(2, 2, stride, expansion), 2, 2, 5, 4)
