"""Highway layers carry their input as far as their gates say; the nets have their layers."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.highway import Highway, highway_conv
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

LAYERS = {
    "highway_mnist_16": 10,
    "highway_mnist_32": 10,
    "highway_a_cifar": 11,
    "highway_b_cifar": 19,
    "highway_c_cifar": 32,
}
PUBLISHED = {  # thousands of parameters, tables 1 and 2; those of A do not follow from its widths
    "highway_mnist_16": 39,
    "highway_mnist_32": 151,
    "highway_b_cifar": 2300,
    "highway_c_cifar": 1250,
}


def build(name, **settings):
    with nn.shapes_only():
        return create_model(name, **settings)


def test_all_of_them_are_registered():
    assert list_models("highway*") == sorted(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_are_as_many_as_published(name):
    model = build(name)
    layers = [name for name, module in model.named_children() if list(module.parameters())]
    assert len(layers) == LAYERS[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_parameters_are_those_published_as_far_as_they_are_known(name):
    count = sum(p.numel() for p in build(name).parameters()) / 1000
    exact = "mnist" in name
    assert round(count) == PUBLISHED[name] if exact else abs(count / PUBLISHED[name] - 1) < 0.02


@pytest.mark.parametrize("filters", [16, 32])
def test_every_stage_of_the_mnist_nets_has_its_size(filters):
    found = stages(f"highway_mnist_{filters}", 1, 28, 28)
    sizes = {"conv4": 28, "pool1": 14, "conv7": 14, "pool2": 7, "conv9": 7, "pool": 3}
    assert {name: found[name] for name in sizes} == {
        name: (filters, size, size) for name, size in sizes.items()
    }


def test_every_stage_of_the_cifar_nets_has_its_size():
    ends = {"a": ("conv9", 64), "b": ("conv17", 128), "c": ("conv30", 96)}
    for letter, (last, channels) in ends.items():
        found = stages(f"highway_{letter}_cifar", 3, 32, 32)
        assert found[last] == (channels, 8, 8) and found["hidden"] == (channels,)


def test_only_layers_that_change_the_channels_are_plain():
    model = build("highway_b_cifar")
    convs = [module for name, module in model.named_children() if name.startswith("conv")]
    plain = [i for i, module in enumerate(convs, 1) if not isinstance(module, Highway)]
    assert plain == [1, 4, 6, 12]


def test_c_has_3_x_3_and_1_x_1_convolutions_in_turn():
    model = build("highway_c_cifar")
    convs = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    kernels = [m.kernel_size for n, m in convs.items() if not n.endswith("gate")]
    assert kernels == [(3, 3), (1, 1)] * 15


def test_the_gate_decides_between_the_transform_and_the_input():
    mt.manual_seed(0)
    layer, x = highway_conv(2, 3, gate_bias=0.5), mt.randn(3, 2, 5, 4)
    assert set(layer.gate.bias.tolist()) == {0.5}
    h = np.maximum(layer.transform(x).detach().numpy(), 0)
    t = 1 / (1 + np.exp(-layer.gate(x).detach().numpy()))
    expected = t * h + (1 - t) * x.numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("bias", [-100.0, 100.0])
def test_a_closed_gate_carries_and_an_open_one_transforms(bias):
    mt.manual_seed(0)
    layer, x = highway_conv(2, 3, gate_bias=bias), mt.randn(3, 2, 5, 4)
    expected = x if bias < 0 else mt.functional.relu(layer.transform(x))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.detach().numpy(), atol=1e-6)


def test_the_bias_of_all_gates_is_a_setting():
    model = create_model("highway_mnist_16", gate_bias=-4.0)
    biases = {m.gate.bias.data.min() for m in model.modules() if isinstance(m, Highway)}
    assert biases == {-4.0}


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_the_gradients_of_a_layer_are_slopes(kernel_size):
    gradients_are_slopes(highway_conv(2, kernel_size, 0.0), 2, 2, 3, 4)


def test_the_gradients_of_a_linear_layer_are_slopes():
    gradients_are_slopes(Highway(nn.Linear(3, 3), nn.Linear(3, 3), 0.0), 2, 3)
