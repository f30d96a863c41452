"""The operations of cells are those of the paper, with ReLU first and batch norm last."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models.operations import OPERATIONS
from tests.models.compare import gradients_are_slopes


def kinds(module):
    return [type(m).__name__ for m in module.modules() if not list(m.children())]


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [(4, 4), (3, 5)])
def test_an_operation_gives_its_channels_and_divides_the_size_by_its_stride(name, stride, channels):
    inputs, outputs = channels
    operation = OPERATIONS[name](inputs, outputs, stride)
    for h, w in ((8, 5), (1, 1)):
        expected = (2, outputs, -(-h // stride), -(-w // stride))
        assert operation(mt.randn(2, inputs, h, w)).shape == expected


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        ("conv_1x3_3x1", [(1, 3), (3, 1)]),
        ("conv_1x7_7x1", [(1, 7), (7, 1)]),
        ("dilated_3x3", [(3, 3)]),
        ("conv_1x1", [(1, 1)]),
        ("conv_3x3", [(3, 3)]),
        *((f"separable_{k}x{k}", 2 * [(k, k), (1, 1)]) for k in (3, 5, 7)),
    ],
)
def test_a_convolution_stands_between_a_relu_and_batch_norm(name, kernels):
    operation = OPERATIONS[name](3, 4, 2)
    convs = [m for m in operation.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == kernels
    assert all(conv.bias is None for conv in convs)
    found = kinds(operation)
    assert (found[0], found[-1]) == ("ReLU", "BatchNorm2d")
    separable = name.startswith("separable")
    assert found.count("ReLU") == found.count("BatchNorm2d") == len(convs) // (1 + separable)
    eps = {m.eps for m in operation.modules() if isinstance(m, nn.BatchNorm2d)}
    assert eps == {1e-3}


def test_the_windows_of_a_dilated_convolution_are_five_wide():
    conv = OPERATIONS["dilated_3x3"](1, 1, 1).conv
    nn.init.ones_(conv.weight)
    spot = mt.zeros(1, 1, 7, 7)
    spot[0, 0, 3, 3] = 1
    rows = np.flatnonzero(conv(spot).detach().numpy().any((0, 1, 3)))
    np.testing.assert_array_equal(rows, [1, 3, 5])


def test_a_separable_convolution_runs_twice_and_strides_once():
    operation = OPERATIONS["separable_5x5"](3, 4, 2)
    shapes = [tuple(p.shape) for p in operation.parameters() if p.ndim == 4]
    assert shapes == [(3, 1, 5, 5), (4, 3, 1, 1), (4, 1, 5, 5), (4, 4, 1, 1)]
    strides = [m.stride[0] for m in operation.modules() if isinstance(m, nn.Conv2d)]
    assert strides == [2, 1, 1, 1]


@pytest.mark.parametrize("name", ["avg_pool_3x3", "max_pool_3x3", "max_pool_5x5", "max_pool_7x7"])
def test_a_pooling_is_followed_by_a_convolution_only_where_the_channels_change(name):
    (pool,) = kinds(OPERATIONS[name](3, 3, 2))
    assert kinds(OPERATIONS[name](3, 4, 2)) == [pool, "Conv2d", "BatchNorm2d"]
    x = mt.randn(2, 3, 8, 8)
    size = int(name[-1])
    compared = mt.functional.max_pool2d if "max" in name else mt.functional.avg_pool2d
    whole = OPERATIONS[name](3, 3, 1)(x)[:, :, 3:-3, 3:-3]
    start = 3 - size // 2
    inner = x[:, :, start : 8 - start, start : 8 - start]
    np.testing.assert_allclose(whole.numpy(), compared(inner, size, 1).numpy(), atol=1e-6)


def test_an_identity_is_one_where_the_shape_stays():
    x = mt.randn(2, 3, 4, 4)
    assert OPERATIONS["identity"](3, 3, 1)(x) is x
    for settings in ((3, 4, 1), (3, 3, 2)):
        operation = OPERATIONS["identity"](*settings)
        assert kinds(operation) == ["ReLU", "SameConv2d", "BatchNorm2d"]
        assert operation.conv.kernel_size == (1, 1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_gradients_of_an_operation_are_slopes(name):
    gradients_are_slopes(OPERATIONS[name](1, 2, 2), 2, 1, 4, 3)
