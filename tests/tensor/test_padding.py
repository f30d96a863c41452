"""Borders of every kind and width, against PyTorch."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

MODES = ("constant", "reflect", "replicate", "circular")


def pad(m):
    return m.pad if m is mt else m.nn.functional.pad


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("widths", list(itertools.product([0, 1, 3, 4], repeat=2)))
def test_one_axis(mode, widths, torch):
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
    compare(torch, lambda m, t: pad(m)(t, widths, mode=mode), x)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("widths", [(1, 2, 2, 0), (0, 0, 1, 1), (3, 3, 2, 2)])
def test_two_axes(mode, widths, torch):
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    compare(torch, lambda m, t: pad(m)(t, widths, mode=mode), x)


@pytest.mark.parametrize(
    "widths", [(), (1,), (-1, 2), (-2, -2), (-3, -2), (1, 1, -1, 0), (0, 0, 0, 0, 1, 1), (1, 1) * 4]
)
def test_constant_borders_of_any_form(widths, torch):
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    compare(torch, lambda m, t: pad(m)(t, widths, value=2.5), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: mt.pad(x, (1, 1), mode="same"),
            ValueError,
            "^pad: mode='same' must be 'constant'",
        ),
        (lambda x: mt.pad(x, (1,)), RuntimeError, r"^pad: pad=\(1,\) must hold a pair"),
        (
            lambda x: mt.pad(x, (-3, -2)),
            RuntimeError,
            r"^pad: pad=\(-3, -2\) takes more than there is",
        ),
        (lambda x: mt.pad(x, (4, 0), mode="reflect"), RuntimeError, "^pad: width 4 exceeds"),
        (lambda x: mt.pad(x, (1, 0), "circular", 2), ValueError, "^pad: value=2 belongs to mode"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.zeros(2, 4))
