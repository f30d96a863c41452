"""ShuffleNets have the paper's table, and units in which the channels change their group."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.shufflenet_v1 import ShuffleNetV1, ShuffleUnit
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


@pytest.mark.parametrize(("groups", "channels"), CHANNELS.items())
def test_every_stage_has_the_size_of_table_1(groups, channels):
    found = stages(f"shufflenet_v1_g{groups}", 3, 224, 224)
    assert found["conv1"] == (24, 112, 112) and found["maxpool"] == (24, 56, 56)
    for stage, factor, size, units in ((2, 1, 28, 4), (3, 2, 14, 8), (4, 4, 7, 4)):
        assert found[f"stage{stage}"] == (factor * channels, size, size)
        assert f"stage{stage}.{units - 1}" in found and f"stage{stage}.{units}" not in found


def test_all_1x1_convolutions_but_the_first_have_groups():
    with nn.shapes_only():
        model = create_model("shufflenet_v1_g3")
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    assert [conv.groups for conv in convs] == [1, *[3] * 31]


def test_a_unit_adds_its_input_in_front_of_the_last_activation():
    unit, x = ShuffleUnit(8, 8, 1, 2), mt.randn(2, 8, 5, 6)
    expected = np.maximum((x + unit.branch(x)).detach().numpy(), 0)
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-6)
    kinds = [type(layer).__name__ for layer in unit.branch]
    linear = ["Conv2d", "BatchNorm2d"]
    assert kinds == [*linear, "ReLU", "ChannelShuffle", *linear, *linear]


def test_a_unit_that_halves_the_image_puts_averages_beside_the_branch():
    unit, x = ShuffleUnit(6, 16, 2, 2), mt.randn(2, 6, 7, 6)
    y = unit(x)
    assert y.shape == (2, 16, 4, 3) and unit.branch(x).shape == (2, 10, 4, 3)
    averages = mt.functional.avg_pool2d(x, 3, 2, 1)
    assert mt.equal(y[:, :6], averages.relu()) and mt.equal(y[:, 6:], unit.branch(x).relu())


def test_without_the_shuffle_no_group_would_see_another():
    unit, x = ShuffleUnit(16, 16, 1, 2).eval(), mt.randn(1, 16, 3, 3, requires_grad=True)
    for shuffled in (True, False):
        if not shuffled:
            unit.branch[3] = nn.Identity()
        (seen,) = mt.grad(unit.branch(x)[:, :8].square().sum(), x)
        assert seen[:, 8:].any().item() == shuffled and seen[:, :8].any().item()


@pytest.mark.parametrize("groups", CHANNELS)
@pytest.mark.parametrize("width", [0.1, 0.25, 1.5])
def test_a_net_of_any_width_stays_divisible_into_groups(groups, width):
    with nn.shapes_only():
        model = ShuffleNetV1(groups, width=width)
    assert model(mt.zeros(0, 3, 32, 32)).shape == (0, 1000)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_of_a_unit_are_slopes(stride):
    gradients_are_slopes(ShuffleUnit(8 // stride, 8, stride, 2, stride == 1), 2, 8 // stride, 3, 4)
