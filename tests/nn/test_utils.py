"""Gradient clipping against its formula and PyTorch's."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import utils


def parameters(*grads):
    params = [nn.Parameter(mt.zeros(np.shape(g))) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = mt.tensor(g, dtype=mt.float32)
    return params


@pytest.mark.parametrize(
    "norm_type, norm", [(2.0, 13.0), (math.inf, 12.0), (1.0, 19.0), (3.0, 1819 ** (1 / 3))]
)
def test_gradients_are_scaled_together_to_the_norm(norm_type, norm):
    params = [*parameters([3.0, -4.0], [[12.0]]), nn.Parameter(mt.zeros(5))]
    assert utils.clip_grad_norm_(params, 6.5, norm_type).item() == pytest.approx(norm, rel=1e-6)
    scale = 6.5 / (norm + 1e-6)
    np.testing.assert_allclose(params[0].grad, [3 * scale, -4 * scale], rtol=1e-6)
    np.testing.assert_allclose(params[1].grad, [[12 * scale]], rtol=1e-6)
    assert params[2].grad is None


def test_short_gradients_stay_as_they_are():
    params = parameters([3.0, 4.0])
    assert utils.clip_grad_norm_(iter(params), 5.1).item() == 5
    assert params[0].grad.tolist() == [3, 4]
    assert utils.clip_grad_norm_([nn.Parameter(mt.ones(2))], 1.0).item() == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_an_error_when_asked_for_and_shows_otherwise(bad):
    params = parameters([bad, 1.0])
    with pytest.raises(RuntimeError, match="clip_grad_norm_: the norm of the gradients is"):
        utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist()[1] == 1
    with np.errstate(invalid="ignore"):
        assert not math.isfinite(utils.clip_grad_norm_(params, 1.0).item())
    # Half a broken gradient must not look whole.
    np.testing.assert_equal(params[0].grad.tolist(), [math.nan, math.nan if bad != bad else 0])


def test_values_are_limited_one_by_one():
    (p,) = parameters([3.0, -4.0, 0.5])
    utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [1, -1, 0.5]
