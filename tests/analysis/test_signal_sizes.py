"""The sizes of signals in nets where they are known by arithmetic."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import compare_initialisations, signals
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import init
from minitorch_cnn.random import manual_seed
from minitorch_cnn.tensor import Tensor

from .nets import drawn


def linear_stack(depth, width=400, relu=False):
    layers = [nn.Flatten()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), *([nn.ReLU()] if relu else [])]
    return nn.Sequential(*layers)


@pytest.fixture
def noise():
    return Tensor(np.random.default_rng(0).normal(size=(64, 4, 10, 10)).astype(np.float32))


def slope(found, layers, field="std"):
    """The factor from layer to layer."""
    values = [getattr(found, field)[found.layers.index(name)] for name in layers]
    return (values[-1] / values[0]) ** (1 / (len(values) - 1))


def test_signals_grow_by_the_root_of_n_times_the_variance(noise):
    manual_seed(0)
    found = compare_initialisations(linear_stack(6), noise)
    expected = {
        "LeCun": 1,
        "Torch's U(-1/sqrt n, 1/sqrt n)": 1 / np.sqrt(3),
        "Glorot": 1,
        "He": np.sqrt(2),
        "N(0, 0.01)": 0.01 * np.sqrt(400),
        "orthogonal": 1,
    }
    for name, factor in expected.items():
        assert slope(found.signals[name], found.weighted) == pytest.approx(factor, rel=0.05), name
        backward = slope(found.signals[name], found.weighted[:-1], "gradient_std")
        assert backward == pytest.approx(1 / factor, rel=0.1), name


def test_behind_relus_he_keeps_the_size_and_lecun_loses_a_root_of_two(noise):
    manual_seed(0)
    rules = {"He": init.kaiming_normal_, "LeCun": init.lecun_normal_}
    found = compare_initialisations(linear_stack(8, relu=True), noise, initialisations=rules)
    assert slope(found.signals["He"], found.weighted) == pytest.approx(1, rel=0.05)
    ratio = slope(found.signals["LeCun"], found.weighted)
    assert ratio == pytest.approx(1 / np.sqrt(2), rel=0.05)


def test_means_spreads_and_gradients_are_those_of_the_tensors(noise):
    model = nn.Sequential(nn.Flatten(), nn.Linear(400, 3))
    found = signals(model, noise)
    y = model(noise).array.astype(float)
    assert found.layers == ["1"]
    assert found.mean[0] == pytest.approx(y.mean()) and found.std[0] == pytest.approx(y.std())
    shares = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    shares[:, 0] -= 1
    assert found.gradient_std[0] == pytest.approx((shares / 64).std(), rel=1e-4)


def test_a_unit_is_dead_if_it_is_zero_for_all_images_and_everywhere(noise):
    conv = nn.Conv2d(4, 5, 3)
    conv.bias.array[:] = [-1e3, 0, 0, -1e3, 0]
    found = signals(nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(320, 2)), noise)
    assert found.units.tolist() == [0, 5, 0, 0] and found.dead.tolist() == [0, 2, 0, 0]
    figure = drawn(found)
    assert figure.get_suptitle() == "2 of 5 rectified units are dead"
    assert figure.axes[1].get_ylabel() == "zero for all images (%)"
    assert max(bar.get_height() for bar in figure.axes[1].patches) == 40


@pytest.mark.parametrize("training", [False, True])
def test_what_a_relu_that_is_no_module_cuts_is_counted_too(training):
    model = create_model("plain20_cifar", width=0.25).train(training)
    found = signals(model, Tensor(np.random.default_rng(0).random((2, 3, 8, 8), np.float32)))
    rectified = [n for n, units in zip(found.layers, found.units, strict=True) if units]
    assert "layer1.0.bn1" in rectified and "layer1.0.bn2" not in rectified
    assert len(rectified) == 1 + 18  # the stem's, and two of each block


def test_the_model_is_left_as_it_was(noise):
    model = linear_stack(2)
    before = [p.array.copy() for p in model.parameters()]
    compare_initialisations(model, noise)
    for p, array in zip(model.parameters(), before, strict=True):
        assert p.grad is None and np.array_equal(p.array, array)


@pytest.mark.parametrize(
    "model, title",
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "No layer's output is rectified"),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.ReLU()), "0 of 2 rectified units are"),
    ],
)
def test_a_figure_without_dead_units_has_no_place_for_them(model, title):
    model[1].weight.array[:] = 1
    figure = drawn(signals(model, Tensor(np.ones((3, 1, 2, 2), np.float32))))
    assert len(figure.axes) == 1 and figure.get_suptitle().startswith(title)
    assert figure.axes[0].get_xlabel() == "layer, in the order of work"


def test_both_comparisons_are_drawn(noise):
    figure = drawn(compare_initialisations(linear_stack(2), noise))
    assert [ax.get_ylabel() for ax in figure.axes] == ["standard deviation"] * 2


def test_what_does_not_fit_is_refused(noise):
    with pytest.raises(ValueError, match=r"signals: x of shape \(2, 3\)"):
        signals(nn.Flatten(), Tensor(np.zeros((2, 3))))
    with pytest.raises(ValueError, match=r"signals: labels of shape \(2,\) must be \(64,\)"):
        signals(linear_stack(1), noise, np.zeros(2))
    with pytest.raises(ValueError, match="must have a convolution or a linear layer"):
        compare_initialisations(nn.Flatten(), noise)
