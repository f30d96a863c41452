"""Losses of numbers, probabilities and margins: slopes of both orders, extremes, refusals."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


def leaf(array):
    return Tensor(np.array(array), requires_grad=True)


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def inside(*shape):
    return lambda rng: rng.uniform(0.1, 0.9, shape)


def with_signs(loss, *shape, **settings):
    """The loss of its inputs and fixed targets of 1 and -1."""
    target = Tensor(np.random.default_rng(1).choice([-1, 1], shape))
    return lambda *inputs: loss(*inputs, target, **settings)


SLOPES = [
    (F.l1_loss, (normal(3, 2), normal(3, 2))),
    (F.smooth_l1_loss, (normal(3, 2), normal(3, 2))),
    (F.huber_loss, (normal(3, 2), normal(3, 2))),
    (F.gaussian_nll_loss, (normal(3, 2), normal(3, 2), inside(3, 1))),
    (F.kl_div, (normal(3, 2), inside(3, 2))),
    (lambda x, t: F.kl_div(x, t, "batchmean", log_target=True), (normal(3, 2), normal(3, 2))),
    (F.binary_cross_entropy, (inside(3, 2), inside(3, 2), inside(2))),
    (with_signs(F.cosine_embedding_loss, 5, margin=-2.0), (normal(5, 3), normal(5, 3))),
    (with_signs(F.margin_ranking_loss, 5, margin=0.3), (normal(5), normal(5))),
    (F.triplet_margin_loss, (normal(3, 4),) * 3),
    (with_signs(F.hinge_embedding_loss, 3, 2), (normal(3, 2),)),
    (with_signs(F.soft_margin_loss, 3, 2), (normal(3, 2),)),
    (F.multilabel_soft_margin_loss, (normal(3, 2), inside(3, 2), inside(2))),
]


@pytest.mark.parametrize("loss, draws", SLOPES)
def test_losses_have_gradients_of_both_orders(loss, draws, rng):
    inputs = [leaf(draw(rng)) for draw in draws]
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_binary_cross_entropy_of_sure_answers_is_finite():
    x, t = leaf([0.0, 1.0, 0.0, 1.0]), leaf([0.0, 1.0, 1.0, 0.0])
    y = F.binary_cross_entropy(x, t, reduction="none")
    np.testing.assert_array_equal(y.array, [0, 0, 100, 100])
    y.sum().backward()
    np.testing.assert_allclose(x.grad.array, [0, 0, -1e12, 1e12])
    np.testing.assert_allclose(t.grad.array, [100, -100, 100, -100])


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss])
def test_an_endless_error_has_a_slope_of_one(loss):
    x = leaf(np.array([np.inf, -1e30, 1e30], np.float32))
    y = loss(x, Tensor(np.zeros(3, np.float32)), reduction="sum")
    y.backward()
    assert y.array == np.inf
    np.testing.assert_array_equal(x.grad.array, [1, -1, 1])


def test_a_target_of_no_probability_adds_nothing_to_the_divergence():
    x, t = leaf([-1.0, -2.0]), Tensor(np.array([0.0, 1.0]))
    y = F.kl_div(x, t, reduction="sum")
    y.backward()
    assert y.array == 2
    np.testing.assert_array_equal(x.grad.array, [0, -1])


@pytest.mark.parametrize("loss", [
    F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.kl_div, F.binary_cross_entropy,
    F.hinge_embedding_loss, F.soft_margin_loss, F.multilabel_soft_margin_loss,
    lambda a, b: F.gaussian_nll_loss(a, b, 1.0),
    lambda a, b: F.triplet_margin_loss(a, b, a),
    lambda a, b: F.margin_ranking_loss(a, b, a),
    lambda a, b: F.cosine_embedding_loss(a, b, a),
])  # fmt: skip
def test_losses_refuse_shapes_that_differ(loss):
    with pytest.raises(ValueError, match=r"\(3,\).*\(3, 1\)|\(3, 1\).*\(3,\)"):
        loss(Tensor(np.full((3, 1), 0.5)), Tensor(np.full(3, 0.5)))


HALF, TWO = Tensor(np.full((2, 3), 0.5)), Tensor(np.full((2, 3), 2.0))


@pytest.mark.parametrize("call, message", [
    (lambda: F.smooth_l1_loss(HALF, TWO, beta=-1), "smooth_l1_loss: beta=-1"),
    (lambda: F.huber_loss(HALF, TWO, delta=0), "huber_loss: delta=0"),
    (lambda: F.l1_loss(HALF, TWO, weight=Tensor(np.ones(3))), r"l1_loss: weight of shape \(3,\)"),
    (lambda: F.mse_loss(HALF, TWO, weight=Tensor(np.ones(1))), r"mse_loss: weight of shape"),
    (lambda: F.gaussian_nll_loss(HALF, HALF, -1.0), "gaussian_nll_loss: var has an entry"),
    (lambda: F.gaussian_nll_loss(HALF, HALF, Tensor(np.ones(3))), r"var of shape \(3,\)"),
    (lambda: F.gaussian_nll_loss(HALF, HALF, HALF, eps=0), "eps=0 must be above 0"),
    (lambda: F.kl_div(HALF, TWO, "average"), "kl_div: reduction='average'.*'batchmean'"),
    (lambda: F.kl_div(HALF.sum(), TWO.sum(), "batchmean"), "kl_div: input of shape"),
    (lambda: F.l1_loss(HALF, TWO, "batchmean"), "l1_loss: reduction='batchmean'"),
    (lambda: F.binary_cross_entropy(TWO, HALF), "binary_cross_entropy: input must be between"),
    (lambda: F.triplet_margin_loss(HALF, TWO, TWO, margin=0), "triplet_margin_loss: margin=0"),
    (lambda: F.triplet_margin_loss(*[TWO.sum()] * 3), r"anchor of shape \(\)"),
    (lambda: F.cosine_embedding_loss(HALF, TWO, TWO), r"target of shape \(2, 3\)"),
])  # fmt: skip
def test_losses_refuse_settings_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()
