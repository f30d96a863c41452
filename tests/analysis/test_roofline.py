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
    assert found.bytes[2] == 0 == found.share[2]  # a view moves nothing
    moved = 4 * (2 * (3 * 64 + 4 * 36) + 4 * 27 + 4)
    assert found.bytes[0] == moved and found.intensity[0] == pytest.approx(conv / moved)
    assert found.memory.tolist()[:2] == [4 * 2 * 4 * 36, 4 * 2 * 4 * 9]
    best = min(1e9, 1e8 * conv / moved)
    assert found.share[0] == pytest.approx(conv / found.seconds[0] / best)


def test_products_with_the_padding_are_no_operations():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 2, 3, 2, 2, dilation=2))
    found = profile_layers(model, Tensor(np.ones((2, 3, 2, 2), np.float32)), 1, ROOF)
    # Each of 2 outputs along an axis reaches both pixels; the one beyond 2, of 3 taps, one of them.
    assert found.flops.tolist() == [2 * 2 * 3 * 4 * 4**2, 2 * 2 * 4 * 2 * 1]


def test_winograds_convolutions_count_what_they_do():
    pytest.importorskip("numba")
    model = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(32, 16, 1))
    found = profile_layers(model, Tensor(np.ones((3, 16, 17, 16), np.float32)), 1, ROOF)
    tiles = 3 * 5 * 4  # of 4 x 4 outputs, each by 36 products
    assert found.flops.tolist() == [2 * tiles * 36 * 16 * 32, 2 * 3 * 17 * 16 * 16 * 32]
    assert found.winograd.tolist() == [True, False]
    assert "Winograd's algorithm computes 1 of the layers" in drawn(found).get_supxlabel().replace(
        "\n", " "
    )


def test_layers_without_multiply_adds_have_a_share_of_the_bandwidth():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout())
    found = profile_layers(model, batch(), repeats=1, roof=ROOF)
    image = 4 * 2 * 3 * 64
    assert found.bytes.tolist() == [2 * image + 4 * 2 * 3, 2 * image, 0]
    assert found.moves.all() and found.share[2] == 0
    assert found.share[0] == pytest.approx(found.bytes[0] / 1e8 / found.seconds[0])
    assert found.least[1] == pytest.approx(2 * image / 1e8)


class Weight(nn.Module):
    """A weight, whatever x is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(np.ones((2, 5), np.float32))

    def forward(self, x):
        return self.weight


def test_an_output_that_requires_a_gradient_is_taken():
    found = profile_layers(nn.Sequential(Weight()), batch(), repeats=1, roof=ROOF)
    assert found.layers == ["0"] and found.bytes[0] > 0


def test_what_fits_into_a_cache_has_its_bandwidth():
    roof = Roof(1e9, 1e8, ((1000, 5e8), (4000, 8e8), (9000, 3e8)))
    moved = [0, 1500, 4000, 8999, 9000, 1e9]
    assert [roof.bandwidth_of(n) for n in moved] == [8e8, 8e8, 8e8, 8e8, 1e8, 1e8]
    assert roof.at(0.5) == 4e8


def test_layers_do_not_exceed_what_was_measured():
    x = Tensor(np.random.default_rng(0).random((8, 16, 32, 32), np.float32))
    convolutions = nn.Conv2d(16, 32, 3), nn.Conv2d(32, 32, 1), nn.Conv2d(32, 8, 5)
    model = nn.Sequential(*convolutions, nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten())
    roof = measured_roof(repeats=1)
    assert roof.flops > 1e8 and roof.bandwidth > 1e8
    found = profile_layers(model, x, 2, roof)
    assert found.share[:5].min() > 0 and found.share.max() < 1.5  # other programs run, too


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
    figure = drawn(found)
    assert "ms in all" in figure.axes[1].get_title(loc="left")
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "speed (GFLOP/s)", "time (ms)", "share (%)", "memory (MiB)"
    ]  # fmt: skip


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="profile_layers: repeats=0 must be at least 1"):
        profile_layers(nn.Flatten(), batch(), repeats=0)
