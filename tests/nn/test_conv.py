"""Convolution layers: settings, initial weights, and output sizes."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


@pytest.mark.parametrize(
    "build, error, words",
    [
        (
            lambda: nn.Conv2d(64, 6, 3, groups=3),
            ValueError,
            "Conv2d: groups=3 must divide in_channels=64",
        ),
        (lambda: nn.Conv2d(6, 64, 3, groups=3), ValueError, "groups=3 must divide out_channels=64"),
        (lambda: nn.Conv2d(6, 6, 3, groups=0), ValueError, "groups=0 must be at least 1"),
        (lambda: nn.Conv2d(0, 6, 3), ValueError, "Conv2d: in_channels=0 must be at least 1"),
        (lambda: nn.Conv1d(6, -1, 3), ValueError, "Conv1d: out_channels=-1"),
        (lambda: nn.Conv2d(6.0, 6, 3), TypeError, "in_channels=6.0 must be an int"),
        (lambda: nn.Conv2d(6, 6, 0), ValueError, "kernel_size=0 must be at least 1"),
        (lambda: nn.Conv2d(6, 6, (3, 3, 3)), TypeError, "kernel_size=.* tuple of length 2"),
        (lambda: nn.Conv1d(6, 6, (3, 3)), TypeError, "tuple of length 1"),
        (
            lambda: nn.Conv2d(6, 6, 3, stride=(1, 0)),
            ValueError,
            r"stride=\(1, 0\) must be at least 1",
        ),
        (lambda: nn.Conv2d(6, 6, 3, dilation=0), ValueError, "dilation=0"),
        (lambda: nn.Conv2d(6, 6, 3, padding=-1), ValueError, "padding=-1 must be at least 0"),
        (lambda: nn.Conv2d(6, 6, 3, padding="full"), ValueError, "padding='full' must be one of"),
        (lambda: nn.Conv2d(6, 6, 3, 2, "same"), ValueError, "padding='same' needs stride=1, got"),
        (lambda: nn.Conv2d(6, 6, 3, padding_mode="wrap"), ValueError, "padding_mode='wrap'"),
        (lambda: nn.ConvTranspose2d(6, 6, 3, padding_mode="reflect"), ValueError, "one of 'zeros'"),
        (lambda: nn.ConvTranspose2d(6, 6, 3, padding="same"), TypeError, "padding='same' must be"),
        (lambda: nn.ConvTranspose2d(6, 4, 3, groups=3), ValueError, "ConvTranspose2d: groups=3"),
        (lambda: nn.ConvTranspose1d(6, 6, 3, output_padding=-1), ValueError, "output_padding=-1"),
        (lambda: nn.Conv2d(6, 6, 3, dtype=mt.int64), TypeError, "floating-point dtype, got int64"),
        (lambda: nn.Conv2d(6, 6, 3, device="tpu"), ValueError, "device='tpu'"),
        (lambda: nn.Conv2d(6, 6, 3)(mt.ones(1, 5, 8, 8)), ValueError, "in_channels=5"),
        (lambda: nn.Conv2d(6, 6, 3)(mt.ones(1, 6, 2, 8)), ValueError, "more than the input"),
    ],
)
def test_settings_that_do_not_fit_are_refused_when_the_layer_is_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_a_filter_of_the_lecture_on_its_example():
    image = """3 0 1 2 7 4 / 1 5 8 9 3 1 / 2 7 2 5 1 3 / 0 1 3 1 7 8 / 4 2 1 6 2 8 / 2 4 5 2 3 9"""
    x = mt.tensor([[float(n) for n in row.split()] for row in image.split("/")])
    conv = nn.Conv2d(1, 1, 3, bias=False)
    conv.load_state_dict({"weight": np.array([[[[1, 0, -1]] * 3]])})
    y = conv(x.reshape(1, 1, 6, 6))
    expected = [[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]
    assert y.tolist() == [[expected]]


def test_an_even_kernel_under_same_pads_more_at_the_end():
    conv = nn.Conv1d(1, 1, 2, padding="same", bias=False)
    conv.load_state_dict({"weight": np.array([[[1, 10]]])})
    assert conv(mt.tensor([[1.0, 2, 3]])).tolist() == [[21, 32, 3]]


@pytest.mark.parametrize(
    "mode, surrounded",
    [
        ("zeros", [0, 1, 2, 3, 0]),
        ("reflect", [2, 1, 2, 3, 2]),
        ("replicate", [1, 1, 2, 3, 3]),
        ("circular", [3, 1, 2, 3, 1]),
    ],
)
def test_a_padding_mode_says_what_surrounds_the_signal(mode, surrounded):
    conv = nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    conv.load_state_dict({"weight": np.array([[[1, 10, 100]]])})
    expected = [surrounded[i] + 10 * surrounded[i + 1] + 100 * surrounded[i + 2] for i in range(3)]
    assert conv(mt.tensor([[1.0, 2, 3]])).tolist() == [expected]


def test_fresh_weights_count_the_inputs_of_a_group_only():
    for groups in (1, 4, 32):
        conv = nn.Conv2d(32, 64, 3, groups=groups)
        bound = 1 / np.sqrt(32 // groups * 9)
        for p in conv.parameters():
            assert 0.9 * bound < p.detach().abs().max().item() <= bound


def test_output_size_picks_among_the_sizes_that_a_stride_leaves_open():
    down = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    for size in ((9, 8), (10, 7)):
        y = down(mt.ones(1, 2, *size))
        assert up(y, output_size=size).shape == (1, 2, *size)
        assert up(y, output_size=(1, 2, *size)).shape == (1, 2, *size)
        assert up(y[0], (2, *size)).shape == (2, *size)
    with pytest.raises(
        ValueError, match=r"ConvTranspose2d: output_size=\(11, 7\) must have 9 to 10"
    ):
        up(y, output_size=(11, 7))
    with pytest.raises(TypeError, match=r"output_size=.* tuple of length 2"):
        up(y, output_size=(9,) * 5)


def test_a_transposed_convolution_is_the_adjoint_of_the_convolution_with_its_weight(rng):
    settings = {"stride": (2, 3), "padding": 1, "dilation": (1, 2), "groups": 2, "bias": False}
    down = nn.Conv2d(4, 6, 3, **settings).double()
    up = nn.ConvTranspose2d(6, 4, 3, **settings).double()
    up.load_state_dict(down.state_dict())
    x, y = mt.tensor(rng.standard_normal((2, 4, 9, 11))), None
    y = mt.tensor(rng.standard_normal(down(x).shape))
    left, right = (down(x) * y).sum().item(), (x * up(y, output_size=(9, 11))).sum().item()
    assert left == pytest.approx(right)
