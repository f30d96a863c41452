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


WIDTHS = {
    2: [(-2, 1), (-1, 2), (1, -2), (2, -1), (-1, -1), (-4, 0), (0, -2), (2, 2)],
    4: [(-1, 1, -2, 1), (1, -1, 2, -1), (0, 1, 1, -1), (-1, -1, -1, -1), (1, 1, 0, 2)],
    6: [(-1, 1, 1, -1, 0, 1), (0, -1, 0, 0, -1, 1), (1, 1, 1, 1, 1, 1)],
}
SHAPES = [
    (shape, count)
    for count, shapes in {
        2: [(3, 4), (2, 3, 4), (0, 3, 4)],
        4: [(2, 4, 4), (1, 2, 3, 4), (0, 2, 3, 4)],
        6: [(2, 3, 3, 3), (1, 2, 2, 3, 4)],
    }.items()
    for shape in shapes
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "count"), SHAPES)
def test_borders_and_crops_with_gradients_of_both_orders(mode, shape, count, torch):
    if mode in ("reflect", "replicate") and shape[0] == 0 and len(shape) == count // 2 + 1:
        pytest.skip("refused by PyTorch without a batch")
    for widths in WIDTHS[count]:

        def run(m, x, widths=widths):
            grad = m.grad if m is mt else m.autograd.grad
            y = pad(m)(x.requires_grad_(), widths, mode=mode)
            weights = m.linspace(1, 2, y.numel(), dtype=m.float64).reshape(tuple(y.shape))
            (gx,) = grad((y**3 * weights).sum(), x, create_graph=True)
            return [y, gx, *grad((gx**2).sum(), x)]

        compare(torch, run, np.random.default_rng(0).standard_normal(shape))


def test_negative_widths_crop_before_the_rest_enters_from_the_other_end():
    x = mt.tensor([[1.0, 2, 3, 4]])
    np.testing.assert_array_equal(mt.pad(x, (-1, 2), mode="circular").numpy(), [[2, 3, 4, 2, 3]])


@pytest.mark.parametrize(
    "widths",
    [
        (),
        (1,),
        (-5, 3),
        (3, -5),
        (-1, 2),
        (-2, -2),
        (-3, -2),
        (1, 1, -1, 0),
        (0, 0, 0, 0, 1, 1),
        (1, 1) * 4,
    ],
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
        (lambda x: mt.pad(x, (-5, 6)), RuntimeError, r"^pad: pad=\(-5, 6\) takes more than"),
        (lambda x: mt.pad(x, (-3, -2), "circular"), RuntimeError, r"^pad: pad=\(-3, -2\) takes"),
        (lambda x: mt.pad(x, (4, -1), "circular"), RuntimeError, "^pad: width 4 exceeds what mode"),
        (lambda x: mt.pad(x, (1.0, 1)), TypeError, r"^pad: \(1.0, 1\) must be integers"),
        (lambda x: mt.pad(x.long(), (1, 1), value=1e30), RuntimeError, "^pad: value=1e"),
        (lambda x: mt.pad(2.0, (1, 1)), TypeError, "^pad: input must be a Tensor"),
        (lambda x: mt.pad(x, (4, 0), mode="reflect"), RuntimeError, "^pad: width 4 exceeds"),
        (lambda x: mt.pad(x, (1, 0), "circular", 2), ValueError, "^pad: value=2 belongs to mode"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.zeros(2, 4))
