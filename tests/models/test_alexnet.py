"""AlexNet: the lecture's cost table, the two towers, and the networks in PyTorch's layers."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.alexnet import AlexNet, Row
from tests.models.compare import agrees_with_torch, gradients_are_slopes

# The one-tower net on 227 pixels as the lecture prints it: output, memory in KB, parameters in
# thousands, multiply-adds in millions. Of pool1 it prints 0.4 million operations, which are
# comparisons; of conv4 145 million, where 384 * 256 * 9 * 13^2 are 149.5.
LECTURE = """
conv1  64 56 56   784     23    73
pool1  64 27 27   182.25   0     0
conv2 192 27 27   547    307   224
pool2 192 13 13   127      0     0
conv3 384 13 13   254    664   112
conv4 256 13 13   169    885   150
conv5 256 13 13   169    590   100
pool5 256  6  6    36      0     0
fc6   4096         16  37753    38
fc7   4096         16  16781    17
fc8   1000          4   4097     4
"""
EXACT = {
    "conv1": (23_296, 72_855_552),
    "conv4": (884_992, 149_520_384),
    "fc6": (37_752_832, 37_748_736),
}


def rows(name, size):
    """The rows of the layers that compute something, of a model without memory."""
    with nn.shapes_only():
        found = summary(create_model(name), (3, size, size)).rows
    return [row for row in found if row.type in ("Conv2d", "MaxPool2d", "Linear")]


def test_the_costs_are_those_of_the_lecture():
    lines = LECTURE.strip().splitlines()
    for row, line in zip(rows("alexnet", 227), lines, strict=True):
        name, *shape, memory, params, millions = line.split()
        assert row.output_shape == tuple(map(int, shape)), name
        digits = len(memory.partition(".")[2])
        assert round(row.memory_bytes / 1024, digits) == float(memory), name
        assert round(row.params / 1e3) == int(params), name
        assert round(row.macs / 1e6) == int(millions), name
        assert (row.params, row.macs) == EXACT.get(name, (row.params, row.macs))


def test_memory_lies_in_the_first_layers_parameters_in_the_last_and_work_between():
    found = rows("alexnet", 227)
    convs = [row for row in found if row.type == "Conv2d"]
    linear = [row for row in found if row.type == "Linear"]
    assert sum(row.memory_bytes for row in convs) / 2**20 == pytest.approx(1.9, abs=0.05)
    assert sum(row.params for row in linear) / sum(row.params for row in found) > 0.95
    assert sum(row.macs for row in convs) / sum(row.macs for row in found) > 0.9


def test_two_towers_have_the_stages_of_the_paper():
    found = rows("alexnet_two_tower", 227)
    assert [row.output_shape for row in found] == [
        (96, 55, 55), (96, 27, 27), (256, 27, 27), (256, 13, 13),
        (384, 13, 13), (384, 13, 13), (256, 13, 13), (256, 6, 6),
        (4096,), (4096,), (1000,),
    ]  # fmt: skip


def test_two_towers_meet_in_the_third_convolution_only():
    with nn.shapes_only():
        layers = list(create_model("alexnet_two_tower").features)
    assert [layer.groups for layer in layers if isinstance(layer, nn.Conv2d)] == [1, 2, 1, 2, 2]
    kinds = [type(layer).__name__ for layer in layers]
    block = ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds == 2 * block + 3 * ["Conv2d", "ReLU"] + ["MaxPool2d"]


def test_the_normalisation_is_the_papers():
    with nn.shapes_only():
        norm = create_model("alexnet_two_tower").features[2]
    x = np.random.default_rng(0).standard_normal((2, 9, 3, 3))
    y = np.empty_like(x)
    for i in range(9):  # section 3.3: n = 5 maps around the i-th, alpha not divided by n
        near = x[:, max(0, i - 2) : i + 3]
        y[:, i] = x[:, i] / (2 + 1e-4 * (near**2).sum(axis=1)) ** 0.75
    np.testing.assert_allclose(norm(mt.tensor(x)), y, rtol=1e-12)


@pytest.mark.parametrize("name", ["alexnet", "alexnet_two_tower"])
def test_weights_start_as_the_paper_says_and_wider_in_a_narrow_net(name):
    mt.manual_seed(0)
    model = create_model(name, width=1 / 4)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers:
        values = layer.weight.detach().numpy()
        assert abs(values.mean()) < 0.002 and values.std() == pytest.approx(0.02, rel=0.05)
    biases = [np.unique(layer.bias.detach().numpy()).tolist() for layer in layers]
    assert biases == [[0], [1], [0], [1], [1], [1], [1], [0]]


def test_any_width_keeps_the_towers_apart():
    model = create_model("alexnet_two_tower", width=0.03, num_classes=3)
    assert model.features[4].weight.shape == (8, 1, 5, 5)
    assert model(mt.zeros(1, 3, 67, 67)).shape == (1, 3)


def test_a_block_has_the_gradients_that_differences_show():
    row = Row(4, 3, 2, 1, groups=2, bias=1, norm=True, pool=True)
    gradients_are_slopes(AlexNet((row,), in_channels=2).features, 2, 2, 6, 7)


def torch_alexnet(torch):
    """The one-tower net in an eighth of its width."""
    from torch.nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU

    return torch.nn.Sequential(
        Conv2d(3, 8, 11, 4, 2), ReLU(), MaxPool2d(3, 2),
        Conv2d(8, 24, 5, padding=2), ReLU(), MaxPool2d(3, 2),
        Conv2d(24, 48, 3, padding=1), ReLU(),
        Conv2d(48, 32, 3, padding=1), ReLU(),
        Conv2d(32, 32, 3, padding=1), ReLU(), MaxPool2d(3, 2),
        AdaptiveAvgPool2d(6), Flatten(),
        Linear(32 * 36, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10),
    )  # fmt: skip


def torch_two_towers(torch):
    """The two-tower net in an eighth of its width."""
    from torch.nn import Conv2d, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU

    return torch.nn.Sequential(
        Conv2d(3, 12, 11, 4), ReLU(), LocalResponseNorm(5, 5e-4, 0.75, 2.0), MaxPool2d(3, 2),
        Conv2d(12, 32, 5, padding=2, groups=2), ReLU(),
        LocalResponseNorm(5, 5e-4, 0.75, 2.0), MaxPool2d(3, 2),
        Conv2d(32, 48, 3, padding=1), ReLU(),
        Conv2d(48, 48, 3, padding=1, groups=2), ReLU(),
        Conv2d(48, 32, 3, padding=1, groups=2), ReLU(), MaxPool2d(3, 2),
        Flatten(),
        Linear(32 * 36, 512), ReLU(), Linear(512, 512), ReLU(), Linear(512, 10),
    )  # fmt: skip


@pytest.mark.parametrize(
    "name, build, size",
    [("alexnet", torch_alexnet, 224), ("alexnet_two_tower", torch_two_towers, 227)],
)
def test_outputs_and_gradients_are_those_of_pytorchs_layers(name, build, size):
    torch = pytest.importorskip("torch")
    mt.manual_seed(0)
    ours = create_model(name, num_classes=10, width=1 / 8, dropout=0.0)
    agrees_with_torch(torch, ours, build(torch), 2, 3, size, size)
