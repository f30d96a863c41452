"""Batch, group and layer norm: gradients of both orders, running statistics, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn import grad
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import assert_differentiable_twice, batch_norms, leaves, normals
from tests.functional.refusals import assert_refused


@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_batch_norm_has_the_gradients_of_its_slopes(training, data):
    arrays, running, options = data.draw(batch_norms(training))

    def normed(x, w, b):
        statistics = [None if r is None else Tensor(r.copy()) for r in running]
        return F.batch_norm(x, *statistics, w, b, **options)

    assert_differentiable_twice(normed, *arrays)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_group_norm_has_the_gradients_of_its_slopes(data):
    groups, per_group = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    c = groups * per_group
    space = data.draw(st.sampled_from([(3,), (2, 2)]))
    affine = data.draw(st.sampled_from([None, (c,)]))
    arrays = normals(data.draw, (2, c, *space), affine, affine)
    assert_differentiable_twice(lambda x, w, b: F.group_norm(x, groups, w, b), *arrays)


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_layer_norm_has_the_gradients_of_its_slopes(data):
    shape = data.draw(st.sampled_from([(3,), (2, 2), (1, 3)]))
    lead = data.draw(st.sampled_from([(), (2,), (2, 2)]))
    affine = data.draw(st.sampled_from([None, shape]))
    arrays = normals(data.draw, (*lead, *shape), affine, affine)
    assert_differentiable_twice(lambda x, w, b: F.layer_norm(x, shape, w, b), *arrays)


def test_training_gives_each_channel_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(5, 3, (4, 3, 5, 6))
    y = F.batch_norm(Tensor(x), None, None, training=True, eps=1e-12).array
    np.testing.assert_allclose(y.mean((0, 2, 3)), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose(y.var((0, 2, 3)), np.ones(3))


def test_running_statistics_move_in_place_with_the_unbiased_variance():
    x = np.random.default_rng(0).normal(5, 3, (4, 2, 5))
    mean, var = Tensor(np.ones(2)), Tensor(np.full(2, 2.0))
    memory = mean.array, var.array
    F.batch_norm(Tensor(x), mean, var, training=True, momentum=0.3)
    assert (mean.array is memory[0]) and (var.array is memory[1])
    np.testing.assert_allclose(mean.array, 0.7 + 0.3 * x.mean((0, 2)))
    np.testing.assert_allclose(var.array, 0.7 * 2 + 0.3 * x.var((0, 2), ddof=1))


def test_running_statistics_rest_without_training():
    mean, var = Tensor(np.ones(2)), Tensor(np.full(2, 2.0))
    F.batch_norm(Tensor(np.arange(8.0).reshape(4, 2)), mean, var)
    assert mean.tolist() == [1.0, 1.0] and var.tolist() == [2.0, 2.0]


def test_a_gradient_is_that_of_the_statistics_its_forward_pass_had():
    x, w, b = leaves((np.arange(8.0).reshape(4, 2), np.ones(2), np.ones(2)))
    mean, var = Tensor(np.ones(2)), Tensor(np.ones(2))
    y = F.batch_norm(x, mean, var, w, b, eps=0.0)
    F.batch_norm(x.detach(), mean, var, training=True)
    y.sum().backward()
    np.testing.assert_allclose(w.grad.array, (x.array - 1).sum(0))
    np.testing.assert_allclose(x.grad.array, np.ones((4, 2)))


def test_a_large_mean_does_not_drown_the_variance_in_float32():
    x = (1e4 + np.random.default_rng(0).standard_normal((64, 1, 8))).astype(np.float32)
    y = F.batch_norm(Tensor(x), None, None, training=True).array
    exact = x.astype(np.float64)
    exact = (exact - exact.mean()) / np.sqrt(exact.var() + 1e-5)
    np.testing.assert_allclose(y, exact, atol=1e-2)


def test_a_norm_of_a_sum_of_norms_has_zero_gradient_for_an_all_ones_cotangent():
    (x,) = leaves((np.random.default_rng(0).standard_normal((4, 2, 3)),))
    F.batch_norm(x, None, None, training=True).sum().backward()
    np.testing.assert_allclose(x.grad.array, np.zeros(x.shape), atol=1e-12)


@pytest.mark.parametrize(
    "norm",
    [
        lambda x: F.batch_norm(x, Tensor(np.zeros(4)), Tensor(np.ones(4)), training=True),
        lambda x: F.group_norm(x, 2),
        lambda x: F.layer_norm(x, (4, 3)),
    ],
)
def test_an_empty_batch_gives_an_empty_output(norm):
    (x,) = leaves((np.zeros((0, 4, 3)),))
    y = norm(x)
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_an_empty_batch_leaves_the_running_statistics_alone():
    mean, var = Tensor(np.ones(2)), Tensor(np.full(2, 2.0))
    F.batch_norm(Tensor(np.zeros((0, 2))), mean, var, training=True)
    assert mean.tolist() == [1.0, 1.0] and var.tolist() == [2.0, 2.0]


def test_float32_stays_float32_forward_and_backward():
    x, w, b = leaves(np.arange(n, dtype=np.float32).reshape(s) for n, s in SIZES)
    y = F.batch_norm(x, None, None, w, b, training=True)
    y.sum().backward()
    assert {t.dtype for t in (y, x.grad, w.grad, b.grad)} == {np.dtype("float32")}


SIZES = [(8, (4, 2)), (2, (2,)), (2, (2,))]


def zeros(*shape, dtype="float32"):
    return Tensor(np.zeros(shape, dtype))


X, V, SHORT, WIDE = zeros(4, 3, 2), zeros(3), zeros(2), zeros(3, dtype="float64")
LEAF = Tensor(np.zeros(3, np.float32), requires_grad=True)
TRAIN = {"training": True}

# (function, arguments, settings, error, part of its message)
REFUSED = {
    "lone value": (F.batch_norm, (zeros(1, 3, 1), V, V), TRAIN, ValueError, "one value per"),
    "no statistics": (F.batch_norm, (X, None, None), {}, ValueError, "needs training=True"),
    "one statistic": (F.batch_norm, (X, V, None), TRAIN, ValueError, "both be given"),
    "mean's shape": (F.batch_norm, (X, SHORT, V), {}, ValueError, "running_mean of shape (2,)"),
    "var's shape": (F.batch_norm, (X, V, SHORT), {}, ValueError, "running_var of shape (2,)"),
    "weight's shape": (F.batch_norm, (X, V, V, SHORT), {}, ValueError, "weight of shape (2,)"),
    "bias's shape": (F.batch_norm, (X, V, V, V, SHORT), {}, ValueError, "bias of shape (2,)"),
    "rank 1": (F.batch_norm, (V, V, V), {}, ValueError, "input of shape (3,)"),
    "integer": (F.batch_norm, (zeros(4, 3, dtype="int64"), V, V), {}, TypeError, "int64"),
    "mixed": (F.batch_norm, (X, V, V, WIDE), {}, TypeError, "weight of dtype float64"),
    "leaf": (F.batch_norm, (X, LEAF, V), TRAIN, ValueError, "running_mean must not require grad"),
    "eps": (F.batch_norm, (X, V, V), {"training": True, "eps": 0.0}, ValueError, "eps=0.0"),
    "groups": (F.group_norm, (X, 2), {}, ValueError, "num_groups=2 must divide the 3 channels"),
    "groups zero": (F.group_norm, (X, 0), {}, ValueError, "num_groups=0"),
    "groups float": (F.group_norm, (X, 1.0), {}, TypeError, "num_groups=1.0"),
    "groups, rank": (F.group_norm, (V, 3), {}, ValueError, "input of shape (3,)"),
    "groups, weight": (F.group_norm, (X, 3, SHORT), {}, ValueError, "weight of shape (2,)"),
    "groups, lone": (F.group_norm, (zeros(1, 3), 3), {}, ValueError, "one value per"),
    "layer, int": (F.layer_norm, (X, 2), {}, TypeError, "normalized_shape=2"),
    "layer, shape": (F.layer_norm, (X, (3,)), {}, ValueError, "normalized_shape=(3,)"),
    "layer, nothing": (F.layer_norm, (X, ()), {}, ValueError, "normalized_shape=()"),
    "layer, long": (F.layer_norm, (V, (1, 3)), {}, ValueError, "normalized_shape=(1, 3)"),
    "layer, weight": (F.layer_norm, (X, (2,), V), {}, ValueError, "weight of shape (3,)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_the_functions_name_and_the_rule_as_by_torch(case):
    assert_refused(*REFUSED[case])


@pytest.mark.parametrize("ceiling", [np.inf, 0.9])
@pytest.mark.parametrize("training", [False, True])
def test_a_relu_in_the_same_pass_is_a_relu_after_it(training, ceiling):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in ((3, 4, 2, 5), (4,), (4,), (3, 4, 2, 5))]
    kinds = []
    for together in (True, False):
        x, w, b = leaves(arrays[:3])
        mean, var = Tensor(np.full(4, 0.3)), Tensor(np.full(4, 1.7))
        settings = x, mean, var, w, b, training
        if together:
            y = F.batch_norm_relu(*settings, ceiling=ceiling)
        else:
            y = F.hardtanh(F.batch_norm(*settings), 0, ceiling)
        first = grad(y, (x, w, b), Tensor(arrays[3]), create_graph=True)
        total = sum((g * g).sum() for g in first)
        second = grad(total, (x, w, b), allow_unused=True)
        kinds.append([y, mean, var, *first, *(g for g in second if g is not None)])
    for together, after in zip(*kinds, strict=True):
        np.testing.assert_allclose(together.detach().array, after.detach().array, atol=1e-12)
    y = kinds[0][0].array
    assert (y == 0).any() and (y > 0).any() and (y == ceiling).any() == (ceiling < np.inf)


def test_a_ceiling_is_positive():
    with pytest.raises(ValueError, match=r"^batch_norm_relu: ceiling=0 must be above 0"):
        F.batch_norm_relu(Tensor(X.array), None, None, training=True, ceiling=0)


def test_a_relu_in_the_same_pass_lets_nan_through():
    x = np.array([[1.0], [np.nan], [3.0]])
    assert np.isnan(F.batch_norm_relu(Tensor(x), None, None, training=True).array).all()
    y = F.batch_norm_relu(Tensor(x), Tensor(np.zeros(1)), Tensor(np.ones(1)))
    assert np.isnan(y.array).tolist() == [[False], [True], [False]]


HALF_NORMS = {
    "batch_norm": lambda x, *w: F.batch_norm(x, None, None, *w, training=True),
    "batch_norm_relu": lambda x, *w: F.batch_norm_relu(x, None, None, *w, training=True),
    "group_norm": lambda x, *w: F.group_norm(x, 1, *w),
    "layer_norm": lambda x, *w: F.layer_norm(x.mT, (3,), *w),
}


@pytest.mark.parametrize("parameters", [np.float16, np.float32])
@pytest.mark.parametrize("kind", HALF_NORMS)
def test_half_input_goes_with_half_and_float32_parameters(kind, parameters, rng):
    norm = HALF_NORMS[kind]
    x = (300 * rng.standard_normal((4, 3, 5))).astype(np.float16)
    w = [rng.standard_normal(3).astype(parameters) for _ in range(2)]
    gy = rng.standard_normal((4, 5, 3) if kind == "layer_norm" else (4, 3, 5)).astype(np.float16)
    halves, doubles = (leaves([a.astype(t or a.dtype) for a in (x, *w)]) for t in (None, "f8"))
    y, exact = norm(*halves), norm(*doubles)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.detach(), exact.detach(), rtol=1e-3, atol=1e-5)
    grads = grad(y, halves, Tensor(gy))
    assert [g.dtype for g in grads] == [np.float16, parameters, parameters]
    for g, slope in zip(grads, grad(exact, doubles, Tensor(gy.astype("f8"))), strict=True):
        np.testing.assert_allclose(g, slope, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("statistics", [np.float16, np.float32])
def test_running_statistics_of_half_input_are_taken_in_float32(statistics, rng):
    x = (300 * rng.standard_normal((50, 2))).astype(np.float16)
    mean, var = Tensor(np.zeros(2, statistics)), Tensor(np.ones(2, statistics))
    F.batch_norm(Tensor(x), mean, var, training=True, momentum=0.1)
    np.testing.assert_allclose(mean, 0.1 * x.astype("f8").mean(0), rtol=1e-3)
    np.testing.assert_allclose(var, 0.9 + 0.1 * x.astype("f8").var(0, ddof=1), rtol=1e-3)
    y = F.batch_norm(Tensor(x), mean, var)
    assert y.dtype == np.float16
    exact = (x.astype("f8") - mean.array) / np.sqrt(var.array.astype("f8") + 1e-5)
    np.testing.assert_allclose(y, exact, rtol=1e-3)


def test_float32_input_refuses_half_parameters():
    x, w = Tensor(np.ones((4, 3), np.float32)), Tensor(np.ones(3, np.float16))
    with pytest.raises(TypeError, match="layer_norm: weight of dtype float16 must be of input's"):
        F.layer_norm(x, (3,), w)
