"""The roofline's counts by hand, and times that add up."""

import time

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import Roof, measured_roof, profile_layers
from minitorch_cnn.tensor import Tensor

from .nets import drawn

ROOF = Roof(flops=1e9, bandwidth=1e8)


class Slow(nn.Module):
    """x, after a while."""

    def forward(self, x):
        time.sleep(0.02)
        return x * 1


def batch():
    return Tensor(np.random.default_rng(0).random((2, 3, 8, 8), np.float32))


def test_operations_and_bytes_are_those_of_the_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))
    found = profile_layers(model, batch(), repeats=1, roof=ROOF)
    assert found.layers == ["0", "1", "2", "3"]
    conv = 2 * 2 * 4 * 3 * 9 * 6 * 6
    assert found.flops.tolist() == [conv, 2 * 4 * 9 * 4, 0, 2 * 2 * 36 * 5]
    moved = 4 * (2 * (3 * 64 + 4 * 36) + 4 * 27 + 4)
    assert found.bytes[0] == moved and found.intensity[0] == pytest.approx(conv / moved)
    assert found.memory.tolist()[:2] == [4 * 2 * 4 * 36, 4 * 2 * 4 * 9]
    best = min(1e9, 1e8 * conv / moved)
    assert found.share[0] == pytest.approx(conv / found.seconds[0] / best)


def test_the_roof_is_the_lesser_of_arithmetic_and_bandwidth():
    assert ROOF.at(5.0) == 5e8 and ROOF.at(10.0) == ROOF.at(50.0) == 1e9


def test_time_is_charged_to_the_layer_that_takes_it():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(Slow(), nn.ReLU()), Slow())
    start = time.perf_counter()
    found = profile_layers(model, batch(), repeats=1, roof=ROOF)
    elapsed = time.perf_counter() - start
    assert found.layers == ["0", "1.0", "1.1", "2"]
    assert found.seconds[[1, 3]].min() >= 0.02 and found.seconds[2] < 0.02
    assert found.seconds.sum() < elapsed
    assert "ms in all" in drawn(found).axes[1].get_title(loc="left")


def test_the_machine_is_measured():
    roof = measured_roof(repeats=1)
    assert roof.flops > 1e8 and roof.bandwidth > 1e8


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="profile_layers: repeats=0 must be at least 1"):
        profile_layers(nn.Flatten(), batch(), repeats=0)
