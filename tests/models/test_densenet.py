"""DenseNets have the blocks of the paper, and checkpointing changes nothing but their memory."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.densenet import Block, DenseNet, Design, Layer, everything, transition
from tests.models.compare import agrees_with_torch, gradients_are_slopes
from tests.models.stages import poolings, stages

TINY = Design(3, (2, 2), 4)


def test_every_stage_of_densenet121_has_its_size():
    found = stages("densenet121", 3, 224, 224)
    expected = {
        "conv0": (64, 112, 112),
        "pool0": (64, 56, 56),
        "denseblock1": (256, 56, 56),
        "transition1": (128, 28, 28),
        "denseblock2": (512, 28, 28),
        "transition2": (256, 14, 14),
        "denseblock3": (1024, 14, 14),
        "transition3": (512, 7, 7),
        "denseblock4": (1024, 7, 7),
        "norm5": (1024, 7, 7),
    }
    assert {name: found[f"features.{name}"] for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("densenet40_k12_cifar", [16, 160, 160, 304, 304, 448]),
        ("densenet_bc100_k12_cifar", [24, 216, 108, 300, 150, 342]),
    ],
)
def test_only_a_bc_net_begins_with_2k_channels_and_halves_them_in_transitions(name, sizes):
    found = stages(name, 3, 32, 32)
    names = ("conv0", "denseblock1", "transition1", "denseblock2", "transition2", "denseblock3")
    shapes = [(c, s, s) for c, s in zip(sizes, (32, 32, 16, 16, 8, 8), strict=True)]
    assert [found[f"features.{name}"] for name in names] == shapes


def test_poolings_are_those_of_torchvision():
    with nn.shapes_only():
        found = poolings(create_model("densenet121"))
    assert found.pop("features.pool0") == (nn.MaxPool2d, 3, 2, 1, False)
    assert set(found.values()) == {(nn.AvgPool2d, 2, 2, 0, False)} and len(found) == 3


def test_a_layer_sees_all_maps_before_it_the_oldest_first():
    block = Block(4, 3, 2, lambda c: Layer(c, 3, True, 0.0, False), everything)
    x = mt.randn(2, 4, 5, 5)
    one = block.denselayer1(x)
    two = block.denselayer2(mt.cat([x, one], dim=1))
    assert mt.equal(block(x), mt.cat([x, one, two], dim=1)) and block.out_channels == 10


@pytest.mark.parametrize("bottleneck", [True, False])
@pytest.mark.parametrize("memory_efficient", [True, False])
def test_the_gradients_of_a_block_are_slopes(bottleneck, memory_efficient):
    block = Block(2, 1, 2, lambda c: Layer(c, 1, bottleneck, 0.0, memory_efficient), everything)
    gradients_are_slopes(block, 2, 2, 4, 3)


def test_the_gradients_of_a_transition_are_slopes():
    gradients_are_slopes(transition(4, 2, 0.0), 2, 4, 5, 4)


@pytest.mark.parametrize("bottleneck", [True, False])
def test_memory_efficient_nets_have_the_same_outputs_gradients_and_statistics(bottleneck):
    design, found = Design(3, (2, 2), 4, bottleneck, cifar=True), []
    images, cotangent = mt.randn(3, 3, 8, 8), mt.randn(3, 7)
    for memory_efficient in (False, True):
        mt.manual_seed(1)
        model = DenseNet(design, 7, dropout=0.2, memory_efficient=memory_efficient)
        x = images.clone().requires_grad_()
        y = model(x)
        y.backward(cotangent)
        found.append([y, x.grad, *(p.grad for p in model.parameters()), *model.buffers()])
    assert len(found[0]) > 20
    for plain, efficient in zip(*found, strict=True):
        np.testing.assert_array_equal(plain.detach().numpy(), efficient.detach().numpy())


@pytest.mark.parametrize(("memory_efficient", "runs"), [(False, 1), (True, 2)])
def test_a_memory_efficient_layer_runs_its_first_part_again_and_not_the_second(
    memory_efficient, runs
):
    layer, calls = Layer(4, 3, True, 0.0, memory_efficient), []
    for name in ("norm1", "norm2"):
        getattr(layer, name).register_forward_hook(lambda *_, name=name: calls.append(name))
    layer(mt.randn(2, 4, 5, 5, requires_grad=True)).sum().backward()
    assert sorted(calls) == ["norm1"] * runs + ["norm2"]


def test_dropout_follows_every_convolution_but_the_first():
    with nn.shapes_only():
        model = DenseNet(TINY, 7, dropout=0.2)
    runs = [m for m in model.modules() if isinstance(m, Layer)]
    assert {m.dropout.p for m in runs} == {model.features.transition1.dropout.p} == {0.2}
    layer = Layer(4, 3, True, 1.0, False)
    seen = []
    layer.norm2.register_forward_hook(lambda module, inputs, y: seen.append(inputs[0]))
    y = layer(mt.randn(2, 4, 5, 5))
    assert not seen[0].array.any() and not y.array.any()


def test_a_layer_agrees_with_torch():
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1 = torch.nn.BatchNorm2d(4)
            self.conv1 = torch.nn.Conv2d(4, 12, 1, bias=False)
            self.norm2 = torch.nn.BatchNorm2d(12)
            self.conv2 = torch.nn.Conv2d(12, 3, 3, padding=1, bias=False)

        def forward(self, x):
            y = self.conv1(torch.relu(self.norm1(x)))
            return self.conv2(torch.relu(self.norm2(y)))

    agrees_with_torch(torch, Layer(4, 3, True, 0.0, True), Theirs(), 2, 4, 6, 5)
