"""Blocks are left out as often as they should be, and count accordingly in evaluation."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.stochastic_depth import (
    MayDrop,
    StochasticBlock,
    averaging,
    let_survive,
)
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

NAMES = ["stochastic_depth_resnet110_cifar", "stochastic_depth_resnet1202_cifar"]


def blocks_of(name, **settings):
    with nn.shapes_only():
        model = create_model(name, **settings)
    return [module for module in model.modules() if isinstance(module, MayDrop)]


def test_both_are_registered():
    assert list_models("stochastic_depth*") == NAMES


def test_every_stage_has_its_size():
    found = stages(NAMES[0], 3, 32, 32)
    assert [found[f"layer{i}"] for i in (1, 2, 3)] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize(("name", "count"), list(zip(NAMES, (54, 600), strict=True)))
def test_survival_falls_evenly_to_the_last_block_s(name, count):
    survivals = [block.survival for block in blocks_of(name)]
    assert len(survivals) == count and survivals[-1] == 0.5
    assert np.allclose(np.diff(survivals), -0.5 / count) and survivals[0] == 1 - 0.5 / count


def test_of_54_blocks_40_are_expected_to_compute():
    expected = sum(block.survival for block in blocks_of(NAMES[0]))
    assert expected == pytest.approx(40.25)  # section 3.2


def test_the_last_survival_is_a_setting():
    assert {block.survival for block in blocks_of(NAMES[0], last_survival=1.0)} == {1.0}
    with pytest.raises(ValueError, match=r"^let_survive: last=1\.5 must be in \[0, 1\]"):
        create_model(NAMES[0], last_survival=1.5)


def test_a_block_that_is_left_out_is_its_shortcut_behind_a_relu_and_runs_no_branch():
    block, x = averaging(StochasticBlock)(3, 5, 2), mt.randn(2, 3, 6, 6)
    block.survival = 0.0
    ran = []
    block.conv1.register_forward_hook(lambda *_: ran.append(True))
    means = x.numpy().reshape(2, 3, 3, 2, 3, 2).mean((3, 5))
    expected = np.concatenate([np.maximum(means, 0), np.zeros((2, 2, 3, 3))], axis=1)
    np.testing.assert_allclose(block(x).numpy(), expected, atol=1e-6)
    assert not ran


@pytest.mark.parametrize("size", [1, 5])
def test_the_shortcut_fits_images_of_odd_size(size):
    block = averaging(StochasticBlock)(3, 5, 2)
    assert block(mt.randn(2, 3, size, size)).shape == (2, 5, (size + 1) // 2, (size + 1) // 2)


def test_in_evaluation_the_branch_counts_as_often_as_it_survived():
    block, x = averaging(StochasticBlock)(4, 4, 1).eval(), mt.randn(2, 4, 6, 6)
    block.survival = 0.25
    with mt.no_grad():
        branch = super(MayDrop, block).branch(x)
        expected = np.maximum(x.numpy() + 0.25 * branch.numpy(), 0)
        np.testing.assert_allclose(block(x).numpy(), expected, atol=1e-6)


def test_blocks_survive_as_often_as_they_should_by_one_draw_for_the_whole_batch():
    block = averaging(StochasticBlock)(2, 2, 1)
    block.survival = 0.7
    x, survived = mt.randn(4, 2, 3, 3), []
    with mt.no_grad():
        shortcut = np.maximum(x.numpy(), 0)
        for _ in range(1000):
            same = [np.array_equal(y, s) for y, s in zip(block(x).numpy(), shortcut, strict=True)]
            assert all(same) or not any(same)
            survived.append(not same[0])
    assert abs(np.mean(survived) - 0.7) < 0.05  # 3.4 deviations


def test_the_draws_follow_the_seed():
    model = nn.Sequential(*(averaging(StochasticBlock)(2, 2, 1) for _ in range(20)))
    let_survive(model, 0.2)
    x, found = mt.randn(1, 2, 3, 3), []
    with mt.no_grad():
        for given in (1, 1, 2):
            mt.manual_seed(given)
            found.append(model(x).numpy())
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("training", [True, False])
def test_the_gradients_of_a_block_are_slopes(training):
    block = averaging(StochasticBlock)(2, 3, 2).train(training)
    block.survival = 1.0 if training else 0.5
    gradients_are_slopes(block, 2, 2, 4, 4)
