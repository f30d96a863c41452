"""Landscapes of nets whose loss is known in closed form."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import loss_line, loss_surface, random_direction
from minitorch_cnn.analysis.loss_landscape import LossSurface
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images

RNG = np.random.default_rng(0)


def squared(y, target):
    return ((y - target) ** 2).mean()


@pytest.fixture
def linear():
    """A linear net, and its squared loss as a function of the weights by hand."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(18, 3)).double()
    x, target = images(n=300), Tensor(RNG.normal(size=(300, 3)))

    def by_hand(w, b):
        return ((x.array.reshape(300, -1) @ w.T + b - target.array) ** 2).mean()

    return model, x, target, by_hand


def test_the_squared_loss_of_a_linear_net_is_a_parabola(linear):
    model, x, target, _ = linear
    found = loss_line(model, x, target, np.linspace(-2, 2, 9), loss=squared)
    third = np.diff(found.losses, 3)
    assert np.abs(third).max() < 1e-10 * found.losses.max()
    assert np.diff(found.losses, 2).min() > 0
    drawn(found)


def test_a_place_of_the_surface_is_the_loss_at_those_weights(linear):
    model, x, target, by_hand = linear
    directions = tuple([RNG.normal(size=p.shape) for p in model.parameters()] for _ in range(2))
    found = loss_surface(model, x, target, [-0.5, 0, 2], directions, loss=squared)
    w, b = (p.array for p in model.parameters())
    (dw, db), (ew, eb) = directions
    for i, s in enumerate([-0.5, 0, 2]):
        for j, t in enumerate([-0.5, 0, 2]):
            assert found.losses[i, j] == pytest.approx(
                by_hand(w + s * dw + t * ew, b + s * db + t * eb)
            )
    drawn(found)


def test_a_surface_has_round_numbers_beside_it_and_its_scale():
    steps = np.linspace(-0.3, 0.3, 5)
    losses = np.geomspace(0.111, 2.27e4, 25).reshape(5, 5)
    axes, bar = drawn(LossSurface(steps, losses)).axes
    shown = [text.get_text() for text in bar.get_yticklabels()]
    assert shown == ["1", "10", "100", "1,000", "10,000"]
    assert np.allclose(axes.get_xticks() * 10, np.round(axes.get_xticks() * 10))
    assert axes.get_title(loc="left") == "Loss around the weights: 0.111 to 22,700"


@pytest.mark.parametrize("steps, loss", [([0.0], 1.0), ([0.0, 1.0], np.nan)])
def test_a_surface_that_is_none_is_not_drawn(steps, loss):
    found = LossSurface(np.array(steps), np.full((len(steps),) * 2, loss))
    with pytest.raises(ValueError, match=r"plot: steps=.* must be two at least"):
        found.plot()


def test_filters_of_a_direction_are_as_long_as_the_weights():
    model = create_model("resnet20_cifar", width=0.25)
    for p, d in zip(model.parameters(), random_direction(model), strict=True):
        axes = tuple(range(1, d.ndim))
        expected = np.sqrt((p.array.astype(float) ** 2).sum(axes)) if d.ndim > 1 else 0
        assert np.allclose(np.sqrt((d**2).sum(axes)) if d.ndim > 1 else d, expected)


def test_layers_of_a_direction_are_as_long_as_the_weights():
    model = nn.Conv2d(3, 4, 3)
    d, of_bias = random_direction(model, "layer")
    assert np.linalg.norm(d) == pytest.approx(np.linalg.norm(model.weight.array), rel=1e-6)
    filters, of_weights = (
        np.linalg.norm(v.reshape(4, -1), axis=1) for v in (d, model.weight.array)
    )
    assert not np.allclose(filters, of_weights, rtol=1e-3)
    assert not of_bias.any()
    free = random_direction(model, "none")[0]
    assert np.linalg.norm(free) == pytest.approx(np.sqrt(108), rel=0.4)


def test_filter_normalisation_makes_scaled_nets_look_alike():
    # With batch norm behind it a convolution's scale does not count: ten times the weights are the
    # same net, and look ten times as flat along a direction that is not normalised.
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).double()
    x, labels = images(n=20, side=8), RNG.integers(0, 3, 20)

    def line(scale, normalise):
        model[0].weight.array[:] *= scale
        model.train()(x)
        model[1].running_mean.array[:] = model[0](x).mean((0, 2, 3)).array
        model[1].running_var.array[:] = model[0](x).var((0, 2, 3)).array
        direction = random_direction(model, normalise, np.random.default_rng(3))
        found = loss_line(model, x, labels, [-1, 0, 1], direction).losses
        model[0].weight.array[:] /= scale
        return found

    assert np.allclose(line(1, "filter"), line(10, "filter"), rtol=1e-3)
    flat = line(10, "none")
    assert np.ptp(flat) < 0.3 * np.ptp(line(1, "none"))


def test_the_weights_are_there_again(linear):
    model, x, target, by_hand = linear
    before = [p.array.copy() for p in model.parameters()]
    model.train()
    found = loss_line(model, x, target, [0, 1], loss=squared)
    assert all(np.array_equal(p.array, b) for p, b in zip(model.parameters(), before, strict=True))
    assert model.training and found.losses[0] == pytest.approx(by_hand(*before))


def test_labels_are_classes_unless_a_loss_says_otherwise(linear):
    model, x, _, _ = linear
    labels = RNG.integers(0, 3, 300)
    expected = F.cross_entropy(model(x), Tensor(labels)).item()
    assert loss_line(model, x, labels, [0]).losses == pytest.approx(expected)


def test_what_does_not_fit_is_refused(linear):
    model, x, target, _ = linear
    with pytest.raises(ValueError, match="loss_line: direction must have an array for each of the"):
        loss_line(model, x, target, direction=[np.zeros(3)])
    with pytest.raises(ValueError, match="random_direction: normalise='filters' must be one of"):
        random_direction(model, "filters")
