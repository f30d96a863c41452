"""RoR has shortcuts around blocks, around stages and around all of them, as the counts ask for."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.preact_resnet import project
from minitorch_cnn.models.ror import Level, PreActStochasticBlock, WideStochasticBlock, made_of
from minitorch_cnn.models.stochastic_depth import MayDrop
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

BLOCKS = {
    "ror3_110_cifar": 18,
    "ror3_164_cifar": 27,
    "pre_ror3_164_cifar": 27,
    "ror3_wrn40_4_cifar": 6,
    "ror3_wrn58_4_cifar": 9,
}


def build(name, **settings):
    with nn.shapes_only():
        return create_model(name, **settings)


def test_all_of_them_are_registered():
    assert sorted(BLOCKS) == list_models("*ror3*")


@pytest.mark.parametrize("name", BLOCKS)
def test_every_stage_has_its_size(name):
    found, factor = stages(name, 3, 32, 32), 4 if "wrn" in name else 1
    sizes = [(16 * factor, 32, 32), (32 * factor, 16, 16), (64 * factor, 8, 8)]
    assert [found[f"levels.body.{i}"] for i in range(3)] == sizes
    assert found["conv1"] == (16, 32, 32) and found["levels"] == sizes[-1]


@pytest.mark.parametrize("name", BLOCKS)
def test_three_levels_of_shortcuts(name):
    model = build(name)
    assert [len(level.body) for level in model.levels.body] == [BLOCKS[name]] * 3
    middle = [level.shortcut is None for level in model.levels.body]
    assert middle == ["wrn" not in name, False, False] and model.levels.shortcut is not None


@pytest.mark.parametrize("name", BLOCKS)
def test_only_nets_of_relu_after_the_addition_have_it_on_every_level(name):
    model = build(name)
    after = name.startswith("ror3_1")
    assert {level.relu for level in model.modules() if isinstance(level, Level)} == {after}
    order = list(model.order)
    last = order[order.index("levels") + 1 : order.index("avgpool")]
    assert order[1:3] == (["bn1", "relu"] if after else ["levels", "norm"])
    assert last == ([] if after else ["norm", "relu"])


def test_a_level_adds_its_input():
    mt.manual_seed(0)
    body, shortcut = nn.Conv2d(2, 3, 3, 2, 1), nn.Conv2d(2, 3, 1, 2)
    x = mt.randn(2, 2, 6, 6)
    total = (body(x) + shortcut(x)).detach().numpy()
    assert np.array_equal(Level(body, shortcut, relu=False)(x).detach().numpy(), total)
    assert np.array_equal(Level(body, shortcut, relu=True)(x).detach().numpy(), total.clip(0))
    same = nn.Conv2d(2, 2, 3, padding=1)
    y = Level(same, None, relu=False)(x)
    assert np.array_equal(y.detach().numpy(), (same(x) + x).detach().numpy())


@pytest.mark.parametrize("name", BLOCKS)
def test_stochastic_depth_is_a_setting(name):
    survivals = [m.survival for m in build(name).modules() if isinstance(m, MayDrop)]
    assert len(survivals) == 3 * BLOCKS[name] and survivals[-1] == 0.5 < survivals[0]
    always = build(name, last_survival=1.0)
    assert {m.survival for m in always.modules() if isinstance(m, MayDrop)} == {1.0}


@pytest.mark.parametrize("kind", [PreActStochasticBlock, WideStochasticBlock])
def test_a_pre_activation_block_that_is_left_out_is_its_shortcut(kind):
    mt.manual_seed(0)
    block, x = made_of(kind, "B", project)(3, 3, 1), mt.randn(2, 3, 4, 4)
    block.survival = 0.0
    assert mt.equal(block(x), x)
    block.eval()
    block.survival = 0.5
    half = block(x)
    block.survival = 1.0
    np.testing.assert_allclose(
        (half - x).detach().numpy(), 0.5 * (block(x) - x).detach().numpy(), atol=1e-6
    )


@pytest.mark.parametrize("kind", [PreActStochasticBlock, WideStochasticBlock])
def test_the_gradients_of_a_level_of_blocks_are_slopes(kind):
    make = made_of(kind, "B", project)
    level = Level(nn.Sequential(make(2, 3, 2), make(3, 3, 1)), project(2, 3, 2), relu=False)
    gradients_are_slopes(level, 2, 2, 4, 4)
