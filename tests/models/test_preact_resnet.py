"""In pre-activation ResNets nothing stands between the shortcuts but what changes the shape."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.preact_resnet import (
    PreActBasicBlock,
    PreActBlock,
    PreActBottleneck,
    preact_basic,
    preact_bottleneck,
)
from tests.models.compare import agrees_with_torch, gradients_are_slopes
from tests.models.stages import stages

CIFAR = [f"preact_resnet{depth}_cifar" for depth in (110, 164, 1001)]
MAKERS = {
    "basic A": preact_basic("A"),
    "basic B": preact_basic("B"),
    "1x1": preact_bottleneck(True),
    "3x3": preact_bottleneck(False),
}


def build(name, **settings):
    with nn.shapes_only():
        return create_model(name, **settings)


def test_every_stage_of_an_imagenet_net_has_its_size():
    found = stages("preact_resnet50", 3, 224, 224)
    sizes = [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]
    assert [found[f"layer{i}"] for i in (1, 2, 3, 4)] == sizes
    assert found["maxpool"] == (64, 56, 56) and found["fc"] == (1000,)


@pytest.mark.parametrize(("name", "times"), [(CIFAR[0], 1), (CIFAR[1], 4), (CIFAR[2], 4)])
def test_every_stage_of_a_net_for_small_images_has_its_size(name, times):
    found = stages(name, 3, 32, 32)
    sizes = [(16 * times, 32, 32), (32 * times, 16, 16), (64 * times, 8, 8)]
    assert [found[f"layer{i}"] for i in (1, 2, 3)] == sizes and found["conv1"] == (16, 32, 32)


@pytest.mark.parametrize("name", [f"preact_resnet{d}" for d in (50, 101, 152, 200)] + CIFAR)
def test_the_name_counts_the_layers_with_weights_outside_shortcuts(name):
    layers = [
        key
        for key, m in build(name).named_modules()
        if isinstance(m, nn.Conv2d | nn.Linear) and "downsample" not in key
    ]
    assert name.removesuffix("_cifar").removeprefix("preact_resnet") == str(len(layers))


@pytest.mark.parametrize("name", CIFAR)
def test_batch_norm_and_relu_follow_the_last_block_and_not_the_first_convolution(name):
    model = build(name)
    assert model.order[:2] == ("conv1", "layer1")
    assert model.order[-6:-3] == ("layer3", "norm", "relu")


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_block_adds_the_input_itself_where_shapes_agree(make):
    block, x = make(4, 4, 1), mt.randn(2, 4, 5, 5)
    a = block.bn1(x).relu()
    assert mt.equal(block(x), block.branch(a) + x)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_where_the_shape_changes_branch_and_shortcut_take_the_same_activations(make):
    block, x = make(4, 8, 2), mt.randn(2, 4, 5, 5)
    a = block.bn1(x).relu()
    assert mt.equal(block(x), block.branch(a) + block.downsample(a))
    norms = [m for m in block.downsample.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not norms


def test_the_first_block_of_110_layers_adds_what_its_first_relu_gives():
    model = create_model("preact_resnet110_cifar", width=1 / 8)
    x = mt.randn(2, 2, 5, 5)
    first, second = model.layer1[0], model.layer1[1]
    a = first.bn1(x).relu()
    assert mt.equal(first(x), first.branch(a) + a)
    assert mt.equal(second(x), second.branch(second.bn1(x).relu()) + x)


def strides(block):
    convs = (block.conv1, block.conv2)
    return [c.stride if isinstance(c.stride, int) else c.stride[0] for c in convs]


def test_bottlenecks_stride_in_the_1x1_for_imagenet_and_in_the_3x3_for_small_images():
    assert strides(build("preact_resnet50").layer2[0]) == [2, 1]
    assert strides(build("preact_resnet164_cifar").layer2[0]) == [1, 2]


def test_with_zero_branches_the_blocks_of_a_stage_pass_their_input_on():
    model = create_model("preact_resnet164_cifar", width=1 / 8).eval()
    for name, module in model.named_modules():
        if name.endswith("conv3"):
            nn.init.zeros_(module.weight)
    x = mt.randn(2, 8, 9, 9)
    rest = nn.Sequential(*list(model.layer1)[1:])
    np.testing.assert_array_equal(rest(x).array, x.array)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(("outputs", "stride"), [(4, 1), (8, 2)])
def test_the_gradients_of_a_block_are_slopes(make, outputs, stride):
    gradients_are_slopes(make(4, outputs, stride), 2, 4, 3, 2)


@pytest.mark.parametrize("make", [MAKERS["basic A"], MAKERS["3x3"]])
def test_the_second_derivatives_of_a_block_are_slopes_too(make):
    x = mt.randn(2, 2, 3, 3, dtype=mt.float64, requires_grad=True)
    assert mt.gradgradcheck(make(2, 4, 2).double(), (x,))


@pytest.mark.parametrize("kind", [PreActBasicBlock, PreActBottleneck])
def test_a_block_agrees_with_torch(kind):
    torch = pytest.importorskip("torch")
    layers = torch.nn

    class Theirs(layers.Module):
        def __init__(self):
            super().__init__()
            sizes = [(4, 8, 3, 2), (8, 8, 3, 1)]
            if kind is PreActBottleneck:
                sizes = [(4, 2, 1, 1), (2, 2, 3, 2), (2, 8, 1, 1)]
            self.steps = layers.ModuleList()
            for inputs, outputs, kernel, stride in sizes:
                conv = layers.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
                self.steps.extend([layers.BatchNorm2d(inputs), conv])
            self.project = layers.Conv2d(4, 8, 1, 2, bias=False)

        def forward(self, x):
            y = a = torch.relu(self.steps[0](x))
            y = self.steps[1](y)
            for i in range(2, len(self.steps), 2):
                y = self.steps[i + 1](torch.relu(self.steps[i](y)))
            return y + self.project(a)

    make = MAKERS["basic B" if kind is PreActBasicBlock else "3x3"]
    agrees_with_torch(torch, make(4, 8, 2), Theirs(), 2, 4, 6, 5)


def test_a_block_without_a_branch_says_so():
    block = PreActBlock()
    block.bn1, block.downsample = nn.BatchNorm2d(1), None
    with pytest.raises(NotImplementedError, match="branch: PreActBlock"):
        block(mt.randn(1, 1, 2, 2))
