"""A graph as a module of layers computes the same, and its layers are nn's where they can be."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph.layers import Layers, OneByOne


class Net(mt.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = mt.nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.bn = mt.nn.BatchNorm2d(4)
        self.pool = mt.nn.MaxPool2d(2)
        self.depthwise = mt.nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=4)
        self.fc = mt.nn.Linear(4, 5)

    def forward(self, x):
        y = self.pool(mt.functional.relu(self.bn(self.conv(x))))
        y = y + mt.functional.silu(self.depthwise(y))
        return self.fc(mt.functional.adaptive_avg_pool2d(y, 1).flatten(1))


@pytest.fixture
def net():
    mt.manual_seed(0)
    net = Net()
    net(mt.randn(8, 3, 9, 9))  # statistics other than 0 and 1
    return net.eval()


def test_the_layers_compute_what_the_model_does(net):
    x = mt.randn(2, 3, 9, 9)
    layers = Layers(mt.graph.capture(net, x)).eval()
    np.testing.assert_allclose(
        layers(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-6, atol=1e-6
    )


def test_a_layer_is_that_of_nn_and_holds_the_weights_themselves(net):
    layers = Layers(mt.graph.capture(net, mt.zeros(2, 3, 9, 9)))
    kinds = {name: type(module).__name__ for name, module in layers.named_modules() if name}
    assert [kind for kind in kinds.values() if hasattr(mt.nn, kind)] == [
        *("Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Conv2d", "Sigmoid"),
        *("AdaptiveAvgPool2d", "Flatten", "Linear"),
    ]
    assert {"Add", "Mul"} < set(kinds.values())
    assert {id(p) for p in layers.parameters()} == {id(p) for p in net.parameters()}


def test_batch_norm_trains_in_the_layers(net):
    x = mt.randn(4, 3, 9, 9)
    layers = Layers(mt.graph.capture(net, x)).train()
    y = layers(x)
    expected = net.train()(x)  # the statistics are the same objects: these move a second time
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_windows_that_nn_lacks_are_operations():
    window = {"kernel_shape": (2, 2), "pads": (0, 0, 1, 1)}
    node = mt.graph.Node("AveragePool", ("x",), ("y",), window, name="pool")
    graph = mt.graph.Graph(
        [node], [mt.graph.Value("x", mt.float32, (1, 1, 4, 4))], [mt.graph.Value("y")], {}
    )
    layers = Layers(graph)
    assert [type(m).__name__ for m in layers.children()] == ["AveragePool"]
    x = mt.arange(16.0).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(layers(x).numpy(), mt.graph.run(graph, x).numpy())


def test_a_module_for_one_sample_runs_on_several():
    x = mt.randn(3, 2)
    assert OneByOne(mt.nn.Linear(2, 4))(x).shape == (3, 4)
