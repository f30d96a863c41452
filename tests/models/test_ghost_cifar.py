"""VGG-16 and ResNet-56 for small images keep their sizes when ghost modules take over."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.ghost_cifar import GhostBlock
from minitorch_cnn.models.ghostnet import GhostModule
from tests.models.compare import gradients_are_slopes
from tests.models.stages import output_shapes


def built(name):
    with nn.shapes_only():
        return create_model(name)


def of_kind(model, kind):
    return [m for m in model.modules() if isinstance(m, kind)]


@pytest.mark.parametrize("name", ["vgg16_cifar", "ghost_vgg16_cifar"])
def test_every_stage_of_vgg_16_ends_in_a_pooling(name):
    model = built(name)
    found = output_shapes(model, 3, 32, 32)
    ends = [
        key for key, layer in model.features.named_children() if isinstance(layer, nn.MaxPool2d)
    ]
    expected = [(64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (512, 1, 1)]
    assert [found[f"features.{key}"] for key in ends] == expected


def test_batch_norm_follows_all_layers_but_the_last():
    model = built("vgg16_cifar")
    layers = of_kind(model, nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.BatchNorm1d)
    names = [type(layer).__name__ for layer in layers]
    convolutions, linear = ["Conv2d", "BatchNorm2d"] * 13, ["Linear", "BatchNorm1d", "Linear"]
    assert names == convolutions + linear


def test_only_the_first_convolution_of_a_ghost_net_is_left():
    for name, modules in (("ghost_vgg16_cifar", 12), ("ghost_resnet56_cifar", 54)):
        model = built(name)
        ghosts = of_kind(model, GhostModule)
        inside = sum(len(of_kind(ghost, nn.Conv2d)) for ghost in ghosts)
        assert len(ghosts) == modules and inside == 2 * modules
        assert len(of_kind(model, nn.Conv2d)) == 1 + inside
        assert {ghost.primary_conv[0].kernel_size for ghost in ghosts} == {(3, 3)}


def test_ghost_resnet_56_has_the_stages_of_resnet_56():
    ghost, plain = (
        output_shapes(built(name), 3, 32, 32) for name in ("ghost_resnet56_cifar", "resnet56_cifar")
    )
    for stage in (1, 2, 3):
        for block in range(9):
            key = f"layer{stage}.{block}"
            assert ghost[key] == plain[key]


def test_a_ghost_block_adds_its_input_before_the_last_relu():
    block, x = GhostBlock(4, 4), mt.randn(2, 4, 5, 6)
    branch = block.ghost2(block.ghost1(x))
    assert mt.equal(block(x), (branch + x).relu()) and (branch < 0).any().item()


@pytest.mark.parametrize(("out_channels", "stride"), [(2, 1), (4, 2)])
def test_the_gradients_of_a_ghost_block_are_slopes(out_channels, stride):
    gradients_are_slopes(GhostBlock(2, out_channels, stride), 2, 2, 4, 5)
