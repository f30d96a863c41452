"""ZFNet: the stages of figure 3, and the network in PyTorch's layers."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.zfnet import Row, ZFNet
from tests.models.compare import agrees_with_torch, gradients_are_slopes


def test_stages_have_the_sizes_of_figure_3():
    with nn.shapes_only():
        found = summary(create_model("zfnet"), (3, 224, 224)).rows
    shapes = [row.output_shape for row in found if row.type in ("Conv2d", "MaxPool2d", "Linear")]
    assert shapes == [
        (96, 110, 110), (96, 55, 55), (256, 26, 26), (256, 13, 13),
        (384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6),
        (4096,), (4096,), (1000,),
    ]  # fmt: skip


def test_zfnet_b_is_wider_in_the_last_three_convolutions():
    with nn.shapes_only():
        layers = create_model("zfnet_b").features
    channels = [layer.out_channels for layer in layers if isinstance(layer, nn.Conv2d)]
    assert channels == [96, 256, 512, 1024, 512]


def test_pooling_comes_before_normalisation():
    with nn.shapes_only():
        kinds = [type(layer).__name__ for layer in create_model("zfnet").features]
    block = ["Conv2d", "ReLU", "MaxPool2d", "LocalResponseNorm"]
    assert kinds == 2 * block + 3 * ["Conv2d", "ReLU"] + ["MaxPool2d"]


def test_a_block_has_the_gradients_that_differences_show():
    row = Row(4, 3, 2, 0, pool=True, norm=True)
    gradients_are_slopes(ZFNet((row,), in_channels=2).features, 2, 2, 8, 9)


def test_outputs_and_gradients_are_those_of_pytorchs_layers():
    torch = pytest.importorskip("torch")
    from torch.nn import Conv2d, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU

    theirs = torch.nn.Sequential(
        Conv2d(3, 6, 7, 2, 1), ReLU(), MaxPool2d(3, 2, ceil_mode=True),
        LocalResponseNorm(5, 5e-4, 0.75, 2.0),
        Conv2d(6, 16, 5, 2), ReLU(), MaxPool2d(3, 2, ceil_mode=True),
        LocalResponseNorm(5, 5e-4, 0.75, 2.0),
        Conv2d(16, 24, 3, padding=1), ReLU(),
        Conv2d(24, 24, 3, padding=1), ReLU(),
        Conv2d(24, 16, 3, padding=1), ReLU(), MaxPool2d(3, 2, ceil_mode=True),
        Flatten(),
        Linear(16 * 36, 256), ReLU(), Linear(256, 256), ReLU(), Linear(256, 10),
    )  # fmt: skip
    mt.manual_seed(0)
    ours = create_model("zfnet", num_classes=10, width=1 / 16, dropout=0.0)
    agrees_with_torch(torch, ours, theirs, 1, 3, 224, 224)
