"""Losses against their definitions, their gradients, and what they refuse."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import functional as F
from minitorch_cnn.autograd import grad, gradcheck, gradgradcheck
from minitorch_cnn.kernels.cuda.array import EmulatorArray
from minitorch_cnn.tensor.tensor import Tensor
from tests.oracle import softmax_cross_entropy
from tests.places import KERNEL_DEVICES

BCE = F.binary_cross_entropy_with_logits


def leaf(array):
    return Tensor(np.array(array), requires_grad=True)


def reduced(losses, total, reduction):
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}[reduction]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
@pytest.mark.parametrize("space", [(), (3,), (2, 2)])
def test_cross_entropy_is_its_definition(space, kind, weighted, smoothing, reduction, rng):
    x = rng.standard_normal((4, 5, *space))
    if kind == "classes":
        target = rng.integers(0, 5, (4, *space))
        target[1] = 2
    else:
        target = rng.dirichlet(np.ones(5), (4, *space))
        target = np.ascontiguousarray(np.moveaxis(target, -1, 1))
    weight = rng.uniform(0.5, 2, 5) if weighted else None
    ignored = 2 if kind == "classes" else -100
    expected = reduced(*softmax_cross_entropy(x, target, weight, ignored, smoothing), reduction)
    w = None if weight is None else Tensor(weight)
    y = F.cross_entropy(Tensor(x), Tensor(target), w, ignored, reduction, smoothing)
    np.testing.assert_allclose(y.array, expected, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}, {"reduction": "none"}])
def test_cross_entropy_of_classes_has_gradients_of_both_orders(settings, rng):
    x, target = leaf(rng.standard_normal((3, 4, 2))), Tensor(rng.integers(0, 4, (3, 2)))
    target.array[0, 0] = -100
    weight = Tensor(rng.uniform(0.5, 2, 4))

    def loss(x):
        return F.cross_entropy(x, target, weight, **settings)

    assert gradcheck(loss, (x,))
    assert gradgradcheck(loss, (x,))


def test_cross_entropy_of_probabilities_has_gradients_for_logits_target_and_weight(rng):
    inputs = leaf(rng.standard_normal((3, 4))), leaf(rng.uniform(0, 1, (3, 4)))
    inputs = (*inputs, leaf(rng.uniform(0.5, 2, 4)))

    def loss(x, target, weight):
        return F.cross_entropy(x, target, weight, label_smoothing=0.2)

    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_the_third_derivative_of_cross_entropy_is_the_slope_of_the_second(rng):
    def squared_gradient(x):
        (g,) = grad(F.cross_entropy(x, Tensor(np.array(1))), x, create_graph=True)
        return g * g

    assert gradgradcheck(squared_gradient, (leaf(rng.standard_normal(3)),))


def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot(rng):
    x, target = leaf(rng.standard_normal((6, 4))), rng.integers(0, 4, 6)
    F.cross_entropy(x, Tensor(target)).backward()
    p = np.exp(x.array) / np.exp(x.array).sum(1, keepdims=True)
    np.testing.assert_allclose(x.grad.array, (p - np.eye(4)[target]) / 6, atol=1e-15)


def test_a_single_sample_without_batch_axis_is_one_row(rng):
    x = rng.standard_normal(4)
    one = F.cross_entropy(Tensor(x), Tensor(np.array(2)))
    assert one.shape == ()
    batch = F.cross_entropy(Tensor(x[None]), Tensor(np.array([2])))
    np.testing.assert_allclose(one.array, batch.array)
    soft = F.cross_entropy(Tensor(x), Tensor(np.eye(4)[2]))
    np.testing.assert_allclose(one.array, soft.array)
    logp = Tensor(x - np.log(np.exp(x).sum()))
    np.testing.assert_allclose(F.nll_loss(logp, Tensor(np.array(2))).array, one.array)


def test_huge_logits_neither_overflow_nor_warn():
    x = leaf([[1e30, 0.0], [-1e30, 0.0]])
    y = F.cross_entropy(x, Tensor(np.array([0, 0])), reduction="none")
    np.testing.assert_array_equal(y.array, [0, 1e30])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, [[0, 0], [-1, 1]])


def test_a_forbidden_class_at_minus_infinity_does_no_harm_to_the_others():
    x = leaf([[0.0, -np.inf, 0.0]])
    y = F.cross_entropy(x, Tensor(np.array([0])))
    y.backward()
    np.testing.assert_allclose(y.array, math.log(2))
    np.testing.assert_allclose(x.grad.array, [[-0.5, 0, 0.5]])


@pytest.mark.parametrize("fn", [F.cross_entropy, F.nll_loss])
def test_ignored_samples_count_neither_in_the_sum_nor_in_the_mean(fn, rng):
    x, target = rng.standard_normal((4, 3)), np.array([0, -100, 2, -100])
    y = fn(leaf(x), Tensor(target))
    np.testing.assert_allclose(y.array, fn(Tensor(x[::2]), Tensor(target[::2])).array)
    none = fn(Tensor(x), Tensor(target), reduction="none")
    assert not none.array[1::2].any() and not np.signbit(none.array[1::2]).any()


@pytest.mark.parametrize("fn", [F.cross_entropy, F.nll_loss])
def test_a_batch_of_ignored_samples_has_loss_nan_and_gradient_zero(fn, rng):
    x = leaf(rng.standard_normal((4, 3)))
    y = fn(x, Tensor(np.full(4, -100)))
    y.backward()
    assert np.isnan(y.array)
    np.testing.assert_array_equal(x.grad.array, np.zeros((4, 3)))


EMPTY = {
    "cross_entropy": (np.zeros((0, 3)), np.zeros(0, int)),
    "nll_loss": (np.zeros((0, 3)), np.zeros(0, int)),
    "mse_loss": (np.zeros((0, 3)), np.zeros((0, 3))),
    "binary_cross_entropy_with_logits": (np.zeros((0, 3)), np.zeros((0, 3))),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_batch_has_mean_nan_and_sum_zero(name):
    x, target = EMPTY[name]
    fn, x = getattr(F, name), leaf(x)
    y = fn(x, Tensor(target))
    y.backward()
    assert np.isnan(y.array) and x.grad.shape == (0, 3)
    assert fn(x, Tensor(target), reduction="sum").item() == 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("space", [(), (2, 3)])
def test_nll_loss_picks_the_target_s_entry(space, reduction, weighted, rng):
    x, target = rng.standard_normal((4, 5, *space)), rng.integers(0, 5, (4, *space))
    target.flat[0] = -100
    weight = rng.uniform(0.5, 2, 5) if weighted else None
    losses, total = np.zeros(target.shape), 0.0
    for place in np.ndindex(target.shape):
        if target[place] >= 0:
            w = 1.0 if weight is None else weight[target[place]]
            losses[place] = -w * x[(place[0], target[place], *place[1:])]
            total += w
    w = None if weight is None else Tensor(weight)

    def loss(x):
        return F.nll_loss(x, Tensor(target), w, reduction=reduction)

    np.testing.assert_allclose(loss(Tensor(x)).array, reduced(losses, total, reduction))
    if not space:
        assert gradcheck(loss, (leaf(x),))
        assert gradgradcheck(loss, (leaf(x),))


def test_nll_loss_of_log_softmax_is_cross_entropy(rng):
    x, target = leaf(rng.standard_normal((4, 5))), Tensor(rng.integers(0, 5, 4))
    fused = F.cross_entropy(x, target)
    np.testing.assert_allclose(F.nll_loss(x.log_softmax(1), target).array, fused.array)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_mse_loss_is_the_squared_difference(reduction, rng):
    a, b = rng.standard_normal((2, 3, 4))

    def loss(a, b):
        return F.mse_loss(a, b, reduction=reduction)

    np.testing.assert_allclose(
        loss(Tensor(a), Tensor(b)).array, reduced((a - b) ** 2, a.size, reduction)
    )
    assert gradcheck(loss, (leaf(a), leaf(b)))
    assert gradgradcheck(loss, (leaf(a), leaf(b)))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_mse_loss_of_whole_numbers_is_that_of_the_floats_they_are(dtype, rng):
    x, t = rng.standard_normal((3, 4)).astype("f"), rng.integers(0, 9, (3, 4))
    for a, b in ((x, t.astype(dtype)), (t.astype(dtype), x)):
        y = F.mse_loss(Tensor(a), Tensor(b))
        assert y.dtype == np.float32
        assert y.item() == pytest.approx(((x.astype("f8") - t) ** 2).mean(), rel=1e-6)


def test_mse_loss_refuses_to_broadcast_where_pytorch_warns():
    with pytest.raises(
        ValueError, match=r"^mse_loss: target of shape \(3,\) must have input's shape"
    ):
        F.mse_loss(Tensor(np.zeros((3, 1))), Tensor(np.zeros(3)))


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_with_logits_is_its_definition(weighted, reduction, rng):
    x, t = rng.standard_normal((4, 3)), rng.uniform(0, 1, (4, 3))
    w, v = (rng.uniform(0.5, 2, (4, 1)), rng.uniform(0.5, 2, 3)) if weighted else (1.0, 1.0)
    s = 1 / (1 + np.exp(-x))
    losses = -w * (v * t * np.log(s) + (1 - t) * np.log(1 - s))
    weights = (leaf(w), leaf(v)) if weighted else ()

    def loss(x, t, weight=None, pos_weight=None):
        return BCE(x, t, weight, reduction, pos_weight)

    inputs = (leaf(x), leaf(t), *weights)
    np.testing.assert_allclose(loss(*inputs).array, reduced(losses, losses.size, reduction))
    assert gradcheck(loss, inputs)
    assert gradgradcheck(loss, inputs)


def test_bce_with_logits_stays_exact_for_huge_logits():
    x = leaf([1e30, -1e30, 800.0, -800.0])
    y = BCE(x, Tensor(np.array([1.0, 0.0, 0.0, 1.0])), reduction="none")
    np.testing.assert_array_equal(y.array, [0, 0, 800, 800])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, [0, 0, 1, -1])


def test_bce_with_logits_loses_no_digits_to_cancellation():
    x = Tensor(np.array([21.0, -21.0, 30.0]))
    y = BCE(x, Tensor(np.array([0.0, 0.0, 1.0])), reduction="none").array
    tail = math.log1p(math.exp(-21)), math.log1p(math.exp(-30))
    np.testing.assert_allclose(y, [21 + tail[0], tail[0], tail[1]], rtol=1e-15)


@pytest.mark.parametrize("fn", [F.mse_loss, BCE, F.cross_entropy])
def test_nan_in_a_float_target_is_seen_in_the_loss(fn):
    target = np.array([[0.0, np.nan, 1.0]])
    assert np.isnan(fn(Tensor(np.ones((1, 3))), Tensor(target)).array)


X = np.zeros((3, 4))
HARD = np.array([0, 1, 2])
SOFT = np.full((3, 4), 0.25)
REFUSED = [
    (F.cross_entropy, (X, [0, 1, 4]), {}, IndexError, "index 4 must be in 0..3"),
    (F.cross_entropy, (X, [0, -1, 2]), {}, IndexError, "index -1 must be in 0..3"),
    (F.nll_loss, (X, [0, 7, 2]), {}, IndexError, "index 7 must be in 0..3"),
    (
        F.cross_entropy,
        (X, HARD),
        {"reduction": "avg"},
        ValueError,
        "reduction='avg' must be one of",
    ),
    (F.mse_loss, (X, X), {"reduction": "avg"}, ValueError, "reduction='avg' must be one of"),
    (BCE, (X, X), {"reduction": "avg"}, ValueError, "reduction='avg' must be one of"),
    (F.cross_entropy, (X, HARD), {"label_smoothing": 1.5}, ValueError, "label_smoothing=1.5 must"),
    (
        F.cross_entropy,
        (X, SOFT),
        {"ignore_index": 1},
        ValueError,
        "ignore_index=1 must be negative",
    ),
    (F.cross_entropy, (X, SOFT.astype(int)), {}, TypeError, "target of dtype int64 must be"),
    (F.cross_entropy, (X, HARD * 1.0), {}, TypeError, "target of dtype float64 must be of an int"),
    (F.cross_entropy, (X, HARD[:2]), {}, ValueError, r"target of shape \(2,\) must be \(3,\)"),
    (
        F.cross_entropy,
        (X, HARD, np.ones(3)),
        {},
        ValueError,
        r"weight of shape \(3,\) must be \(4,\)",
    ),
    (F.cross_entropy, (X, HARD, np.ones(4, "f")), {}, TypeError, "weight of dtype float32 must be"),
    (F.cross_entropy, (X[:, :0], HARD), {}, ValueError, r"input of shape \(3, 0\) must be"),
    (F.cross_entropy, (X.astype(int), HARD), {}, TypeError, "input of dtype int64 must be"),
    (F.mse_loss, (X.astype(int), X.astype(int)), {}, TypeError, "input of dtype int64 must be"),
    (F.mse_loss, (X, X > 0), {}, TypeError, "target of dtype bool must be"),
    (BCE, (X, X.astype(int)), {}, TypeError, "target of dtype int64 must be"),
    (BCE, (X, X[:1]), {}, ValueError, r"target of shape \(1, 4\) must have input's shape \(3, 4\)"),
]


@pytest.mark.parametrize(("fn", "arrays", "settings", "error", "message"), REFUSED)
def test_bad_arguments_are_named(fn, arrays, settings, error, message):
    with pytest.raises(error, match=rf"^{fn.__name__}: {message}"):
        fn(*(Tensor(np.array(a)) for a in arrays), **settings)


@pytest.mark.parametrize("fn", [F.cross_entropy, F.nll_loss])
def test_class_weights_that_require_grad_are_refused_with_classes(fn):
    with pytest.raises(RuntimeError, match="weight must not require grad"):
        fn(Tensor(X), Tensor(HARD), leaf(np.ones(4)))


def test_a_target_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match=r"^cross_entropy: target must be a Tensor, got list"):
        F.cross_entropy(Tensor(X), [0, 1, 2])


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name, draw, settings", [
    *[("multi_margin_loss", lambda rng: [rng.standard_normal((5, 4)), rng.integers(0, 4, 5)],
       {"p": p, "margin": 0.5}) for p in (1, 2)],
    ("multi_margin_loss", lambda rng: [rng.standard_normal(4), np.array(2)], {}),
    ("multilabel_margin_loss", lambda rng: [
        rng.standard_normal((3, 4)), np.array([[3, 0, -1, 1], [-1, 2, 2, 2], [2, 2, 1, 3]])], {}),
    ("multilabel_margin_loss", lambda rng: [
        rng.standard_normal(4), np.array([2, 2, -1, 0])], {}),
    *[("poisson_nll_loss", lambda rng: [rng.random((3, 4)), rng.integers(1, 5, (3, 4)) * 1.0],
       {"log_input": log, "full": full}) for log in (True, False) for full in (True, False)],
    ("triplet_margin_with_distance_loss", lambda rng: rng.standard_normal((3, 5, 4)),
     {"swap": True}),
])  # fmt: skip
def test_margin_and_poisson_losses_are_pytorchs(rng, name, draw, settings, reduction):
    torch = pytest.importorskip("torch")
    arrays = list(draw(rng))
    found = []
    for library, f in ((mt, F), (torch, torch.nn.functional)):
        xs = [library.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        y = getattr(f, name)(*xs, **settings, reduction=reduction)
        (y * y).sum().backward()
        found.append([y.detach().numpy(), *(x.grad.numpy() for x in xs if x.requires_grad)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("call, error, message", [
    (lambda x: F.multi_margin_loss(x, mt.tensor([0, 4])), IndexError, "from 0 to 3"),
    (lambda x: F.multi_margin_loss(x, mt.tensor([0])), ValueError, r"target of shape \(1,\)"),
    (lambda x: F.multi_margin_loss(x, mt.tensor([0, 1]), p=3), ValueError, "p=3"),
    (lambda x: F.multi_margin_loss(x, mt.tensor([0, 1]), weight=mt.ones(3)), ValueError, "weight"),
    (lambda x: F.multilabel_margin_loss(x, mt.zeros(2, 4).long() - 2), IndexError, "from -1 to 3"),
    (lambda x: F.multilabel_margin_loss(x, mt.zeros(2, 4)), TypeError, "integer"),
    (lambda x: F.poisson_nll_loss(x, x[:1]), ValueError, "target of shape"),
    (lambda x: F.triplet_margin_with_distance_loss(x, x, x, margin=0), ValueError, "margin=0"),
    (lambda x: F.pdist(x[0]), ValueError, r"\(N, D\)"),
    (lambda x: F.bilinear(x, x, mt.ones(2, 4, 3)), ValueError, r"weight \(2, 4, 3\)"),
])  # fmt: skip
def test_losses_refuse_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.ones(2, 4))


@pytest.mark.parametrize("device", KERNEL_DEVICES)
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [F.nll_loss, F.cross_entropy])
def test_class_losses_on_a_device_are_those_of_the_cpu_without_waiting(
    device, reduction, weighted, loss, monkeypatch
):
    rng = np.random.default_rng(3)
    logits, labels = rng.standard_normal((4, 5, 3)), rng.integers(0, 5, (4, 3))
    labels[1, 0] = -100
    weights, cotangent = rng.uniform(0.5, 2, 5), rng.standard_normal((4, 3))
    found = []
    for place in ("cpu", device):
        x = mt.tensor(logits, device=place, requires_grad=True)
        w = mt.tensor(weights, device=place) if weighted else None
        t, g = mt.tensor(labels, device=place), mt.tensor(cotangent, device=place)
        g = g if reduction == "none" else g[0, 0]
        with monkeypatch.context() as patch:
            if place == "emulator":
                for name in ("get", "item", "__bool__", "__int__", "__float__", "__index__"):
                    patch.setattr(EmulatorArray, name, None)
            y = loss(x, t, w, reduction=reduction)
            y.backward(g)
        found.append((y.detach().cpu().numpy(), x.grad.cpu().numpy()))
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("device", KERNEL_DEVICES)
@pytest.mark.parametrize("loss", [F.nll_loss, F.cross_entropy])
def test_on_a_device_a_label_that_is_no_class_is_nan_and_an_empty_mean_has_no_gradient(
    device, loss
):
    x = mt.zeros(3, 4, device=device, requires_grad=True)
    for bad in (4, -1):
        y = loss(x, mt.tensor([1, bad, -100], device=device), reduction="none").tolist()
        assert y[0] == pytest.approx(0 if loss is F.nll_loss else np.log(4))
        assert np.isnan(y[1]) and y[2] == 0
    empty = loss(x, mt.tensor([-100] * 3, device=device))
    empty.backward()
    assert np.isnan(empty.item()) and x.grad.abs().max().item() == 0


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("label", [-1, 3, -(2**31)])
def test_a_label_that_is_no_class_is_refused_whatever_its_sign(dtype, label):
    target = mt.tensor(np.array([0, label, 2], dtype))
    with pytest.raises(IndexError, match=f"cross_entropy: index {label} must be in 0..2"):
        F.cross_entropy(mt.zeros(3, 3), target)


@pytest.mark.parametrize("ignored", [0, 2])
def test_a_class_of_the_logits_may_be_the_ignored_one(ignored, rng):
    x, target = rng.standard_normal((6, 3)), np.array([0, 1, 2, 0, 1, 2])
    logp = x - np.log(np.exp(x).sum(1, keepdims=True))
    expected = -logp[np.arange(6), target][target != ignored].mean()
    y = F.cross_entropy(mt.tensor(x), mt.tensor(target), ignore_index=ignored)
    assert y.item() == pytest.approx(expected, rel=1e-12)
