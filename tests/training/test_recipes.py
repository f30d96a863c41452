"""A recipe turns images into inputs, and makes the optimizer and its schedule."""

import json
from dataclasses import asdict

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models import list_models
from minitorch_cnn.training import RECIPES, Recipe, recipe


def test_recipes_are_for_models_there_are():
    assert RECIPES.keys() <= set(list_models())


@pytest.mark.parametrize("name", list_models())
def test_a_recipe_survives_json(name):
    assert Recipe(**json.loads(json.dumps(asdict(recipe(name))))) == recipe(name)


def test_the_rate_rises_to_the_recipes_and_falls_to_nothing():
    chosen = Recipe(optimizer="AdamW", settings={"lr": 0.5})
    optimizer, schedule = chosen.make_optimizer(mt.nn.Linear(2, 2), steps=20)
    rates = []
    for _ in range(20):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert isinstance(optimizer, mt.optim.AdamW)
    assert max(rates) == pytest.approx(0.5, rel=0.02)
    assert rates[0] == pytest.approx(0.5 / 25) and rates[-1] < 1e-5


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 40, 30), (1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("train", [True, False])
def test_images_of_any_shape_become_inputs(shape, train):
    chosen = Recipe(content=27, border=2, flip=True, mean=(0.5,), std=(0.25,))
    image = np.ones(shape, np.float32)
    x = chosen.transform(32, train)(image, np.random.default_rng(0))
    assert x.shape == (shape[0], 32, 32) and x.dtype == np.float32
    assert set(np.unique(x).tolist()) == {-2.0, 2.0}  # border and content
    assert (x == 2).sum() == shape[0] * 27 * 27 or train


def test_held_out_images_are_in_the_middle_and_never_moved():
    x = Recipe(content=27, border=2, flip=True).transform(32, train=False)(np.ones((1, 8, 8), "f4"))
    rows = np.flatnonzero((x[0] > 0).any(axis=1))
    assert (rows.min(), rows.max()) == (2, 28)


def test_training_images_are_moved():
    transform = Recipe(content=20, border=3).transform(32, train=True)
    rng = np.random.default_rng(0)
    tops = {
        int(np.argmax(transform(np.ones((1, 8, 8), "f4"), rng)[0].max(1) > 0)) for _ in range(99)
    }
    assert tops == {3, 4, 5, 6, 7, 8, 9}


def test_training_images_are_scaled_and_squeezed():
    chosen = Recipe(content=20, border=4, area=(0.5, 1.0), ratio=(0.8, 1.25), mean=(0,), std=(1,))
    transform, rng = chosen.transform(32, train=True), np.random.default_rng(0)
    images = [transform(np.ones((1, 8, 8), "f4"), rng)[0] for _ in range(200)]
    heights, widths = ([np.any(x > 0.5, axis).sum() for x in images] for axis in (1, 0))
    # 20 of 40 pixels, of which a part of 0.5 to 1 of the area becomes 32 pixels a side.
    assert 14 <= min(heights) < 17 and 20 < max(heights) <= 26
    ratios = np.divide(heights, widths)
    assert 0.75 < ratios.min() < 0.9 and 1.1 < ratios.max() < 1.35


def test_lenet_sees_the_papers_background_and_ink():
    x = RECIPES["lenet5"].transform(32, train=False)(np.ones((1, 8, 8), np.float32))
    assert (x.min(), x.max()) == (pytest.approx(-0.1), pytest.approx(1.175))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^Recipe: optimizer='Sgd' must be one of SGD, "):
        Recipe(optimizer="Sgd")
    with pytest.raises(ValueError, match=r"^Recipe: content=33 must be at most the input's 32"):
        Recipe(content=33).transform(32, train=False)
