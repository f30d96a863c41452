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


@pytest.mark.parametrize("norm_type", [math.inf, "inf", -math.inf, "-inf", 0, -1, 0.5, 2, "3"])
@pytest.mark.parametrize("max_norm", [0, 0.7, math.inf])
@pytest.mark.parametrize("grads", [[[3.0, -4.0], [[12.0]]], [[0.0, 0.0], 2.0], [], [[], [1.0]]])
def test_norms_of_any_order_are_pytorchs(grads, max_norm, norm_type):
    torch = pytest.importorskip("torch")
    ours, theirs = parameters(*grads), [torch.zeros(np.shape(g)) for g in grads if g != []]
    for p, g in zip(theirs, [g for g in grads if g != []], strict=True):
        p.grad = torch.tensor(g)
    total = utils.clip_grad_norm_(iter(ours), max_norm, norm_type, foreach=False)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.shape == () and total.dtype == mt.float32
    np.testing.assert_allclose(total.item(), expected.item(), rtol=1e-6)
    for p, q in zip([p for p in ours if p.numel()], theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-6)


@pytest.mark.parametrize("size, value", [(4, 300.0), (4, 60000.0), (10000, 30000.0)])
def test_half_gradients_are_clipped_by_a_norm_in_float32(size, value):
    p = nn.Parameter(mt.zeros(size, dtype=mt.float16))
    p.grad = mt.full((size,), value, dtype=mt.float16)
    total = utils.clip_grad_norm_(p, 1.0)
    assert total.dtype == mt.float16
    with np.errstate(over="ignore"):
        assert total.item() == np.float16(value * math.sqrt(size))
    np.testing.assert_allclose(p.grad, 1 / math.sqrt(size), rtol=1e-3)


def test_gradients_of_several_dtypes_have_the_widest_ones_norm():
    params = [nn.Parameter(mt.zeros(1, dtype=d)) for d in (mt.float16, mt.float64, mt.float32)]
    for p in params:
        p.grad = mt.ones(1, dtype=p.dtype)
    assert utils.clip_grad_norm_(params, 10.0).dtype == mt.float64


def test_the_limit_of_values_is_read_as_a_number():
    (p,) = parameters([3.0, -4.0, 0.5])
    utils.clip_grad_value_(p, "1", foreach=True)
    assert p.grad.tolist() == [1, -1, 0.5]


def test_parameters_go_into_a_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    vector = nn.utils.parameters_to_vector(net.parameters())
    expected = np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])
    assert np.array_equal(vector.detach().numpy(), expected)
    (vector * vector).sum().backward()
    assert np.allclose(net[0].weight.grad.numpy(), 2 * net[0].weight.detach().numpy())
    implementation = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weight = implementation[0].weight
    nn.utils.vector_to_parameters(vector * 2, implementation.parameters())
    assert implementation[0].weight is weight and weight.is_leaf and weight.requires_grad
    assert np.array_equal(
        nn.utils.parameters_to_vector(implementation.parameters()).detach().numpy(), 2 * expected
    )


@pytest.mark.parametrize("size", [2, 4])
def test_a_vector_of_another_length_is_refused_whole(size):
    p = nn.Parameter(mt.zeros(3))
    with pytest.raises(ValueError, match=rf"vec of shape \({size},\) must be of shape \(3,\)"):
        nn.utils.vector_to_parameters(mt.ones(size), [p])
    with pytest.raises(TypeError, match="vec must be a Tensor, got list"):
        nn.utils.vector_to_parameters([1, 2, 3], [p])
    assert p.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: utils.clip_grad_norm_([3], 1.0), TypeError, "clip_grad_norm_: parameters must be"),
        (lambda: utils.clip_grad_value_("ab", 1.0), TypeError, "Tensors, got str"),
        (lambda: utils.clip_grad_norm_([], 1.0, "two"), ValueError, "norm_type='two' must be a"),
        (lambda: utils.clip_grad_norm_([], None), ValueError, "max_norm=None must be a number"),
        (lambda: utils.clip_grad_value_([], "x"), ValueError, "clip_value='x' must be a number"),
    ],
)
def test_what_is_no_parameter_or_no_number_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_half_gradients_may_have_limits_beyond_their_format():
    p = nn.Parameter(mt.zeros(2, dtype=mt.float16))
    p.grad = mt.tensor([5.0, -math.inf], dtype=mt.float16)
    utils.clip_grad_value_(p, 1e5)
    assert p.grad.tolist() == [5, -math.inf]
