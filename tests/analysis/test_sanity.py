"""Randomised layers change explanations that use them, not those by the image alone."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import randomised_layers
from minitorch_cnn.analysis.sanity import Randomisation, by_rule, ranks, similarity
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images

METHODS = {"gradient": by_rule("plain"), "image": lambda model, x, labels: x.array}


@pytest.fixture
def net():
    """Two layers, and images large enough for a rank correlation of chance to be small."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(800, 30), nn.ReLU(), nn.Linear(30, 3)).double()
    return model, images(channels=2, side=20)


def test_a_map_of_the_image_alone_stays_and_the_gradient_is_lost(net):
    model, x = net
    before = [p.array.copy() for p in model.parameters()]
    found = randomised_layers(model, x, methods=METHODS, generator=np.random.default_rng(0))
    assert found.layers == ["3", "1"]
    assert np.allclose(found.correlations["image"], 1)
    gradient = found.correlations["gradient"]
    assert gradient[0] == 1 and gradient[1] < 0.9 and abs(gradient[2]) < 0.1
    for p, array in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p.array, array)
    assert "image 1.00" in drawn(found).axes[0].get_title(loc="left")


def test_the_three_rules_are_compared_by_default(net):
    found = randomised_layers(*net)
    assert list(found.correlations) == ["plain", "deconvolution", "guided"]


def test_what_layers_become_has_their_mean_and_deviation(net):
    model, x = net
    model[1].weight.array[:] = 3 + 0.5 * np.random.default_rng(0).normal(size=(30, 800))
    seen = []

    def spy(model, x, labels):
        seen.append(model[1].weight.array.copy())
        return x.array

    randomised_layers(model, x, methods={"spy": spy})
    assert not np.array_equal(seen[0], seen[-1]) and np.array_equal(seen[0], seen[1])
    assert seen[-1].mean() == pytest.approx(3, abs=0.02)
    assert seen[-1].std() == pytest.approx(0.5, abs=0.02)


def test_ranks_and_their_correlation_are_spearmans():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 3, 40)).astype(float)
    expected = np.mean([stats.spearmanr(u, v)[0] for u, v in zip(a, b, strict=True)])
    assert similarity(a, b) == pytest.approx(expected)
    assert ranks(np.array([5.0, 1, 5, 0])).tolist() == [2.5, 1, 2.5, 0]
    assert similarity(a, np.zeros_like(a)) == 0


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="randomised_layers: model has no weights"):
        randomised_layers(nn.Flatten(), Tensor(np.zeros((1, 1, 2, 2))))


def test_every_method_has_a_line_of_its_own():
    found = Randomisation(["layer"], {f"method {k}": np.ones(2) for k in range(15)})
    lines = drawn(found).axes[0].lines[:15]
    assert [line.get_label() for line in lines] == list(found.correlations)
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 15
