"""The steps of a run are its layers and the operations between them."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.steps import steps
from minitorch_cnn.analysis.summary import layer_calls
from minitorch_cnn.analysis.trace import trace
from minitorch_cnn.nn import functional as F


class Does(nn.Module):
    """A function of a convolution's output, and that output."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.conv, self.function = nn.Conv2d(2, 2, 1), function
        self.layer = layer or nn.Identity()

    def forward(self, x):
        return self.function(self, self.conv(x))


class Cube(mt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gy


def steps_of(model):
    run = trace(model, (2, 4, 4), "test")
    return steps(run, layer_calls(model, run))


def told(function, layer=None):
    """Behind the convolution, the image being 0 and the convolution 1."""
    return [(s.type, s.sources, s.nonlinear) for s in steps_of(Does(function, layer))[1:]]


@pytest.mark.parametrize(("function", "expected"), [
    (lambda net, y: F.relu(y), [("ReLU", [1], True)]),
    (lambda net, y: y.relu_(), [("ReLU", [1], True)]),
    (lambda net, y: F.relu(y, inplace=True), [("ReLU", [1], True)]),
    (lambda net, y: y.clamp(min=0), [("Clamp", [1], True)]),
    (lambda net, y: F.gelu(y), [("GELU", [1], True)]),
    (lambda net, y: F.prelu(y, mt.ones(1)), [("PReLU", [1], True)]),
    (lambda net, y: mt.sigmoid(y) * y, [("Sigmoid", [1], True), ("Mul", [2, 1], False)]),
    (lambda net, y: Cube.apply(y), [("Cube", [1], False)]),
    (lambda net, y: F.max_pool2d(y, 2).flatten(1), [("MaxPool2d", [1], False)]),
    (lambda net, y: y.permute(0, 2, 3, 1).reshape(-1, 2)[:, :1].clone(), []),
    (lambda net, y: F.conv2d_relu(y, net.conv.weight), [("Conv2d and ReLU", [1], False)]),
    (lambda net, y: mt.cat(y.chunk(2, 1)[::-1], 1) + 1, [("Cat", [1], False), ("Add", [2], False)]),
    (lambda net, y: F.dropout(y, training=net.training), []),
    (lambda net, y: F.selu(y), [("SELU", [1], True)]),
    (lambda net, y: F.hardtanh(y), [("Hardtanh", [1], True)]),
    (lambda net, y: F.glu(y, 1), [("GLU", [1], True)]),
    (lambda net, y: F.normalize(y), [("Normalize", [1], False)]),
    (lambda net, y: F.layer_norm(y, (4, 4)), [("LayerNorm", [1], False)]),
    (lambda net, y: F.pixel_shuffle(F.conv2d(y, mt.ones(4, 2, 1, 1)), 2),
     [("Conv2d", [1], False), ("PixelShuffle", [2], False)]),
    (lambda net, y: F.batch_norm(y, mt.zeros(2), mt.ones(2)), [("BatchNorm", [1], False)]),
    (lambda net, y: (2 - y).mean((2, 3)).pow(2), [("Sub", [1], False), ("Mean", [2], False),
                                                 ("Pow", [3], False)]),
    (lambda net, y: y.add_(y.tanh()), [("Tanh", [1], True), ("Add", [1, 2], False)]),
    (lambda net, y: F.linear(y, mt.ones(3, 4)), [("Linear", [1], False)]),
])  # fmt: skip
def test_an_operation_outside_of_all_layers_is_a_step(function, expected):
    assert told(function) == expected


@pytest.mark.parametrize(("layer", "kind", "nonlinear"), [
    (nn.Hardswish(), "Hardswish", True),
    (nn.Softmax(dim=1), "Softmax", True),
    (nn.PReLU(), "PReLU", True),
    (nn.Dropout(), "Dropout", False),
    (nn.LocalResponseNorm(2), "LocalResponseNorm", False),
    (Does(lambda net, y: y), "Conv2d", False),
])  # fmt: skip
def test_what_a_layer_does_inside_belongs_to_its_own_step(layer, kind, nonlinear):
    assert told(lambda net, y: net.layer(y), layer)[0] == (kind, [1], nonlinear)


def test_a_layer_of_several_operations_is_one_step_and_takes_all_that_they_take():
    class Gate(nn.Module):
        def forward(self, x, y):
            return x * mt.sigmoid(y) + F.relu(x * 2)

    found = told(lambda net, y: net.layer(F.elu(y), y.tanh()), Gate())
    assert [(kind, sorted(sources)) for kind, sources, _ in found] == [
        ("ELU", [1]),
        ("Tanh", [1]),
        ("Gate", [2, 3]),
    ]


def test_a_layer_that_is_given_the_image_itself_and_hands_it_on_is_a_step():
    found = steps_of(nn.Sequential(nn.Identity(), nn.Conv2d(2, 2, 1)))
    assert [(s.type, s.sources) for s in found] == [("Identity", [0]), ("Conv2d", [1])]


def test_all_outputs_of_a_layer_come_from_it():
    class Pair(nn.Module):
        def forward(self, x):
            return F.relu(x), x * 2

    found = told(lambda net, y: net.layer(y)[1].exp(), Pair())
    assert [(kind, sources) for kind, sources, _ in found] == [("Pair", [1]), ("Exp", [2])]


def test_functions_are_named_after_the_module_that_calls_them_and_numbered():
    block = Does(lambda net, y: F.relu(F.relu(y)))
    found = steps_of(nn.Sequential(block, Does(lambda net, y: F.relu(y))))
    assert [s.name for s in found] == ["0.conv", "0.relu", "0.relu_1", "1.conv", "1.relu"]
    assert [call.name for call in found[1].blocks] == ["0"]
