"""A recipe turns images into inputs, and makes the optimizer and its schedule."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import Recipe


def test_the_rate_rises_to_the_recipes_and_falls_to_nothing():
    chosen = Recipe(epochs=20, optimizer="AdamW", settings={"lr": 0.5})
    optimizer, schedule = chosen.make_optimizer(mt.nn.Linear(2, 2), steps=1)
    rates = []
    for _ in range(20):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert isinstance(optimizer, mt.optim.AdamW)
    assert max(rates) == pytest.approx(0.5, rel=0.02)
    assert rates[0] == pytest.approx(0.5 / 25) and rates[-1] < 1e-5


def rates(chosen, steps):
    """The rate before each of the steps of all epochs."""
    optimizer, schedule = chosen.make_optimizer(mt.nn.Linear(2, 2), steps)
    found = []
    for _ in range(chosen.epochs * steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def test_some_parameters_do_not_decay():
    mt.manual_seed(0)
    model = mt.models.create_model("diracnet18", width=1 / 16)
    chosen = Recipe(settings={"lr": 0.1, "weight_decay": 1e-4}, undecayed=("alpha", "beta"))
    optimizer, schedule = chosen.make_optimizer(model, steps=1)
    decayed, others = optimizer.param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (1e-4, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].split(".")[-1] for p in others["params"]} == {"alpha", "beta"}
    assert len(decayed["params"]) + len(others["params"]) == len(names)
    assert len(schedule.get_last_lr()) == 2
    assert len(Recipe().make_optimizer(model, steps=1)[0].param_groups) == 1


def test_the_rate_falls_in_steps_of_epochs():
    schedule = {"name": "step", "every": 2, "factor": 0.1}
    found = rates(Recipe(epochs=4, settings={"lr": 1.0}, schedule=schedule), steps=3)
    assert found == pytest.approx([1.0] * 6 + [0.1] * 6)
    found = rates(Recipe(epochs=1, settings={"lr": 1.0}, schedule={**schedule, "every": 0.4}), 5)
    assert found == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01])


def test_the_rate_falls_as_a_polynomial_of_all_steps():
    schedule = {"name": "polynomial", "power": 0.5}
    found = rates(Recipe(epochs=2, settings={"lr": 1.0}, schedule=schedule), steps=4)
    assert found == pytest.approx([(1 - t / 8) ** 0.5 for t in range(8)])


def test_the_rate_is_constant():
    found = rates(Recipe(epochs=2, settings={"lr": 1.0}, schedule={"name": "constant"}), steps=3)
    assert found == [1.0] * 6


def test_the_rate_falls_at_milestones_in_epochs():
    schedule = {"name": "milestones", "at": [1, 3], "factor": 0.1}
    found = rates(Recipe(epochs=4, settings={"lr": 1.0}, schedule=schedule), steps=2)
    assert found == pytest.approx([1.0] * 2 + [0.1] * 4 + [0.01] * 2)


def test_the_rate_falls_as_half_a_cosine_of_all_steps():
    schedule = {"name": "cosine"}
    found = rates(Recipe(epochs=2, settings={"lr": 1.0}, schedule=schedule), steps=4)
    assert found == pytest.approx([(1 + np.cos(np.pi * t / 8)) / 2 for t in range(8)])


@pytest.mark.parametrize(("end", "first"), [(0.1, [0.1, 0.1]), (1.0, [0.1, 0.55])])
def test_a_warm_up_comes_before_the_schedule(end, first):
    chosen = Recipe(
        epochs=4,
        settings={"lr": 1.0},
        schedule={"name": "milestones", "at": [2], "factor": 0.5},
        warm_up={"epochs": 1, "start": 0.1, "end": end},
    )
    assert rates(chosen, steps=2) == pytest.approx([*first] + [1.0] * 4 + [0.5] * 2)


def test_a_schedule_of_all_steps_ends_with_the_run_in_spite_of_a_warm_up():
    chosen = Recipe(
        epochs=3,
        settings={"lr": 1.0},
        schedule={"name": "cosine"},
        warm_up={"epochs": 0.5, "start": 0.1, "end": 1.0},
    )
    expected = [(1 + np.cos(np.pi * t / 10)) / 2 for t in range(10)]
    assert rates(chosen, steps=4) == pytest.approx([0.1, 0.55, *expected])


def test_the_first_weights_are_hes():
    mt.manual_seed(0)
    layer = mt.nn.Linear(200, 300)
    Recipe(init="kaiming").first_weights(layer)
    assert layer.weight.array.std() == pytest.approx(0.1, rel=0.02) and not layer.bias.array.any()


def test_a_layer_that_starts_at_zero_stays_there():
    layer = mt.nn.Conv2d(2, 3, 1)
    mt.nn.init.zeros_(layer.weight)
    Recipe(init="kaiming").first_weights(layer)
    assert not layer.weight.array.any()


def test_pixels_stay_with_their_labels_where_no_size_is_asked_for():
    image = np.random.default_rng(0).random((3, 5, 9), np.float32)
    x = Recipe(mean=(0.5,), std=(0.25,)).transform(None, True)(image, np.random.default_rng(0))
    np.testing.assert_allclose(x, 4 * (image - 0.5), rtol=1e-5)
    for moving in ({"scales": (1, 2)}, {"content": 20}, {"border": 4}, {"flip": True}):
        with pytest.raises(ValueError, match=rf"^Recipe: {min(moving)}=.* moves pixels away"):
            Recipe(**moving).transform(None, train=True)


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


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"^Recipe: optimizer='Sgd' must be one of SGD, "):
        Recipe(optimizer="Sgd")
    with pytest.raises(ValueError, match=r"^Recipe: schedule=\{'name': 'step'\} must have"):
        Recipe(schedule={"name": "step"})
    with pytest.raises(ValueError, match=r"^Recipe: warm_up=\{'epochs': 1\} must be None or have"):
        Recipe(warm_up={"epochs": 1})
    with pytest.raises(ValueError, match=r"^Recipe: init='he' must be None or 'kaiming'"):
        Recipe(init="he")
    with pytest.raises(ValueError, match=r"^Recipe: size=32 must be at least 33, the pixels"):
        Recipe(content=33).transform(32, train=False)
