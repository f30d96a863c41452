"""Inception-v4 is the network of the paper's figures 3 to 9."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.inception_v4 import (
    FEATURES,
    INCEPTION_A,
    INCEPTION_B,
    INCEPTION_C,
    REDUCTION_A,
    REDUCTION_B,
    conv_bn_relu,
)
from minitorch_cnn.models.tables import build
from minitorch_cnn.nn import functional as F
from tests.models.compare import gradients_are_slopes
from tests.models.stages import poolings, stages

STEM = (
    (32, 149, 149),
    (32, 147, 147),
    (64, 147, 147),
    (160, 73, 73),
    (192, 71, 71),
    (384, 35, 35),
)
MODULES = {
    "A": INCEPTION_A,
    "reduction A": REDUCTION_A,
    "B": INCEPTION_B,
    "reduction B": REDUCTION_B,
    "C": INCEPTION_C,
    "stem, 73 x 73": FEATURES[3],
    "stem, 71 x 71": FEATURES[4],
    "stem, 35 x 35": FEATURES[5],
}


def module(name, width):
    return build(MODULES[name], 3, conv_bn_relu, width)[0]


def test_every_stage_has_the_size_of_figures_3_and_9():
    found = stages("inception_v4", 3, 299, 299)
    body = [(384, 35, 35)] * 4 + [(1024, 17, 17)] * 8 + [(1536, 8, 8)] * 4
    assert [found[f"features.{i}"] for i in range(22)] == [*STEM, *body]
    assert found["avgpool"] == (1536, 1, 1)


def test_the_branches_of_a_and_b_run_in_turn_and_the_average_leaves_the_padding_out():
    x = mt.randn(2, 3, 6, 6)
    pooled = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    for name in ("A", "B"):
        m = module(name, 1 / 64)
        expected = [m.branch0(x), m.branch1(x), m.branch2(x), m.branch3[1](pooled)]
        assert mt.equal(m(x), mt.cat(expected, dim=1))


def test_module_c_forks_twice():
    m, x = module("C", 1 / 64), mt.randn(2, 3, 5, 5)
    single = m.branch1_0(x)
    double = m.branch2_2(m.branch2_1(m.branch2_0(x)))
    expected = [
        m.branch0(x),
        m.branch1_1a(single),
        m.branch1_1b(single),
        m.branch2_3a(double),
        m.branch2_3b(double),
        m.branch3[1](F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
    ]
    assert mt.equal(m(x), mt.cat(expected, dim=1))


def test_the_stem_pools_first_at_73_and_convolves_first_at_35():
    x = mt.randn(2, 3, 9, 9)
    pooled = F.max_pool2d(x, 3, 2)
    assert mt.equal(module("stem, 73 x 73", 1 / 16)(x)[:, :3], pooled)
    assert mt.equal(module("stem, 35 x 35", 1 / 16)(x)[:, -3:], pooled)


@pytest.mark.parametrize("name", MODULES)
def test_the_gradients_of_a_module_are_slopes(name):
    gradients_are_slopes(module(name, 1 / 128), 2, 3, 7, 7)


def test_batch_norm_has_the_settings_of_the_published_weights():
    with nn.shapes_only():
        model = create_model("inception_v4")
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.1)}
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.2]


def test_maxima_halve_without_padding_and_averages_leave_it_out():
    with nn.shapes_only():
        model = create_model("inception_v4")
    assert set(poolings(model).values()) == {
        (nn.MaxPool2d, 3, 2, 0, False),
        (nn.AvgPool2d, 3, 1, 1, False),
    }
    averages = [m for m in model.modules() if isinstance(m, nn.AvgPool2d)]
    assert len(averages) == 14 and not any(m.count_include_pad for m in averages)
    assert len(poolings(model)) == 14 + 4
