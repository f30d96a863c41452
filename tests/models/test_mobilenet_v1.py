"""MobileNets have the paper's table, narrowed by one number, and ReLU6 behind every batch norm."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.mobilenet_v1 import separable
from tests import oracle
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

WIDTHS = {"mobilenet_v1_100": 1, "mobilenet_v1_075": 0.75, "mobilenet_v1_050": 0.5}


@pytest.mark.parametrize("name", WIDTHS)
def test_every_stage_has_the_size_of_table_1(name):
    found = stages(name, 3, 224, 224)
    expected = [(64, 112), (128, 56), (256, 28), (512, 14), (1024, 7)]
    width = WIDTHS[name]
    assert found["act1"] == (32 * width, 112, 112)
    assert [found[f"blocks.{i}"] for i in range(5)] == [(c * width, n, n) for c, n in expected]


def test_the_image_is_halved_in_the_first_block_of_a_stage():
    with nn.shapes_only():
        model = create_model("mobilenet_v1_100")
    strides = [[block.conv_dw.stride[0] for block in stage] for stage in model.blocks]
    assert strides == [[1], [2, 1], [2, 1], [2, 1, 1, 1, 1, 1], [2, 1]]


def test_smaller_images_take_the_multiply_adds_of_table_7():
    with nn.shapes_only():
        model = create_model("mobilenet_v1_100")
    found = [summary(model, (3, n, n)).total_macs for n in (224, 192, 160, 128)]
    assert [macs // 10**6 for macs in found] == [568, 418, 290, 186]  # 569 in the paper


def test_widths_are_rounded_down_and_never_to_nothing():
    with nn.shapes_only():
        model = create_model("mobilenet_v1_100", width=0.33)
        least = create_model("mobilenet_v1_100", width=0.01)
    norms = [model.bn1, *(stage[-1].bn2 for stage in model.blocks)]
    assert [len(norm.weight) for norm in norms] == [10, 21, 42, 84, 168, 337]
    assert least.conv_stem.weight.shape[0] == 1


def test_a_separable_convolution_looks_at_each_channel_then_at_each_pixel():
    block, x = separable(4, 6, 2), 4 * mt.randn(2, 4, 7, 5)
    depthwise, pointwise = (p.detach().numpy() for p in block.parameters() if p.ndim == 4)

    def normalised(y):
        return np.clip(oracle.batch_norm(y, np.ones(y.shape[1]), np.zeros(y.shape[1]), 1e-5), 0, 6)

    y = normalised(oracle.conv2d(x.numpy(), depthwise, (2, 2), ((1, 1), (1, 1)), groups=4))
    y = normalised(np.einsum("oi,nihw->nohw", pointwise[:, :, 0, 0], y))
    np.testing.assert_allclose(block(x).detach().numpy(), y, atol=1e-5)


def test_the_activations_end_at_six():
    with nn.shapes_only():
        model = create_model("mobilenet_v1_100")
    found = [m for m in model.modules() if isinstance(m, nn.ReLU6)]
    assert len(found) == 1 + 2 * 13 and not any(isinstance(m, nn.ReLU) for m in model.modules())


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_of_a_separable_convolution_are_slopes(stride):
    gradients_are_slopes(separable(2, 3, stride), 2, 2, 5, 4)
