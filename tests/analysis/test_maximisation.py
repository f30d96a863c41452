"""Activation maximisation where the maximum is known."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import maximise_activation

from .nets import drawn


@pytest.fixture
def linear():
    model = nn.Sequential(nn.Flatten(), nn.Linear(18, 3)).double()
    return model, model[1].weight.array


def test_a_linear_unit_is_excited_most_by_its_own_weights(linear):
    # x <- x + lr (w / |w| - decay x) rests at w / (|w| decay).
    model, w = linear
    found = maximise_activation(model, (2, 3, 3), [2, 0], steps=200, lr=0.5, decay=0.2)
    for image, unit in zip(found.images, (2, 0), strict=True):
        assert np.allclose(image.ravel(), w[unit] / np.linalg.norm(w[unit]) / 0.2)
    bias = model[1].bias.array
    expected = [np.linalg.norm(w[u]) / 0.2 + bias[u] for u in (2, 0)]
    assert np.allclose(found.activations[:, -1], expected)
    assert found.activations.shape == (2, 201)
    drawn(found)


def test_of_a_map_the_mean_is_climbed():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False)).double()
    model[0].weight.array[:] = np.array([1.0, -3])[:, None, None, None]
    found = maximise_activation(model, (1, 4, 4), [1], "0", steps=400, lr=0.5, decay=0.1)
    assert np.allclose(found.images, -1 / np.sqrt(16) / 0.1)
    assert np.all(np.diff(found.activations[0])[:5] > 0)
    assert "units of 0" in drawn(found).get_suptitle()


def test_what_cannot_be_is_refused(linear):
    model, _ = linear
    with pytest.raises(KeyError, match="maximise_activation: layer='7' names no module"):
        maximise_activation(model, (2, 3, 3), [0], "7")
    with pytest.raises(ValueError, match=r"units=\[3\] must be from 0 to 2"):
        maximise_activation(model, (2, 3, 3), [3])
    with pytest.raises(ValueError, match="maximise_activation: steps=0 must be at least 1"):
        maximise_activation(model, (2, 3, 3), [0], steps=0)
