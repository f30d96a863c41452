"""Nets and losses of any kind are trained and evaluated unchanged."""

from functools import partial

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.nn import functional as F
from minitorch_cnn.training import evaluate, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4)).astype("f4")
LABELS = RNG.integers(0, 3, 10)


def train(model, target, loss, x=X, **settings):
    """The row of an epoch that changes nothing, with test data, in batches of 4, 4 and 2."""
    loader = DataLoader(TensorDataset(x, target), 4)
    optimizer = settings.pop("optimizer", None) or optim.SGD(model.parameters(), 0.0)
    settings = {"epochs": 1, "progress": "none", **settings}
    return fit(model, loader, loader, loss=loss, optimizer=optimizer, **settings)[0]


def linear(out):
    mt.manual_seed(0)
    return nn.Linear(4, out)


def f64(model):
    return X.astype("f8") @ model.weight.array.astype("f8").T + model.bias.array


@pytest.mark.parametrize("loss", [F.mse_loss, nn.MSELoss(), partial(F.mse_loss, reduction="mean")])
@pytest.mark.parametrize("numbers", [1, 3])
def test_regression_has_the_mean_loss_and_no_accuracy(loss, numbers):
    target, model = RNG.normal(size=(10, numbers)).astype("f4"), linear(numbers)
    row = train(model, target, loss)
    expected = ((f64(model) - target) ** 2).mean()
    assert [row["train_loss"], row["test_loss"]] == pytest.approx([expected] * 2, rel=1e-5)
    assert not any("top" in name or "iou" in name for name in row)


def test_one_hot_labels_and_a_binary_logit_have_losses_alone():
    one_hot = np.eye(3, dtype="f4")[LABELS]
    bits = (LABELS > 0).astype("f4")
    rows = [
        train(linear(3), one_hot, F.cross_entropy),
        train(linear(1), bits[:, None], nn.BCEWithLogitsLoss()),
        train(
            linear(1),
            (LABELS > 0).astype("i8"),
            lambda y, t: F.binary_cross_entropy_with_logits(y.squeeze(1), t.float()),
        ),
        train(linear(3), one_hot > 0, lambda y, t: F.mse_loss(y, t.float())),
    ]
    for row in rows:
        assert np.isfinite([row["train_loss"], row["test_loss"]]).all()
        assert not any("top" in name for name in row)


@pytest.mark.parametrize(
    "loss",
    [F.cross_entropy, nn.CrossEntropyLoss(), lambda y, t: F.nll_loss(F.log_softmax(y, 1), t)],
)
def test_classes_have_their_accuracies_whatever_the_form_of_the_cross_entropy(loss):
    model = linear(3)
    row = train(model, LABELS, loss)
    right = (f64(model).argmax(1) == LABELS).mean()
    assert row["train_top1"] == row["test_top1"] == pytest.approx(right)


class Wrapped(nn.Module):
    def __init__(self, wrap, out=3):
        super().__init__()
        self.inner, self.wrap = linear(out), wrap

    def forward(self, x):
        return self.wrap(self.inner(x))


@pytest.mark.parametrize(
    "wrap, loss",
    [
        (lambda y: {"a": y}, lambda y, t: F.cross_entropy(y["a"], t)),
        (lambda y: [y, y], lambda y, t: F.cross_entropy(y[1], t)),
        (lambda y: (y, y + 1), lambda y, t: F.cross_entropy(y[0], t) + 0 * y[1].sum()),
    ],
    ids=["dict", "list", "tuple"],
)
def test_the_loss_and_the_metrics_get_collections_as_they_are(wrap, loss):
    model, seen = Wrapped(wrap), []
    row = train(model, LABELS, loss, metrics={"kind": lambda y, t: seen.append(type(y)) or 1})
    z = f64(model.inner)
    expected = (np.log(np.exp(z).sum(1)) - z[np.arange(10), LABELS]).mean()
    assert row["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert row["test_loss"] == pytest.approx(expected, rel=1e-5)
    assert set(seen) == {type(wrap(mt.zeros(1)))}


@pytest.mark.parametrize(
    "loss", [F.cross_entropy, nn.CrossEntropyLoss(), partial(F.cross_entropy, label_smoothing=0.0)]
)
def test_cross_entropy_takes_the_logits_beside_those_of_heads(loss):
    row = train(Wrapped(lambda y: (y, y + 1)), LABELS, loss)
    assert row["train_loss"] == train(linear(3), LABELS, loss)["train_loss"]
    with pytest.raises(TypeError, match="tuple"):
        train(Wrapped(lambda y: (y, y)), X[:, :3], nn.MSELoss())


def pixels():
    """Three images, of which the first has hardly a label that counts; and a net of them."""
    x = RNG.normal(size=(3, 1, 4, 4)).astype("f4")
    labels = RNG.integers(0, 3, (3, 4, 4))
    labels[0, :, :3] = -100
    mt.manual_seed(0)
    return x, labels, nn.Conv2d(1, 3, 1)


WEIGHTS = mt.tensor([1.0, 5.0, 0.5])


@pytest.mark.parametrize("of", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        F.cross_entropy,
        nn.CrossEntropyLoss(weight=WEIGHTS),
        partial(F.cross_entropy, ignore_index=-100, label_smoothing=0.1),
        lambda y, t: F.nll_loss(F.log_softmax(y, 1), t, weight=WEIGHTS),
    ],
)
def test_means_over_labels_weight_batches_by_what_counts(loss, of):
    x, labels, model = pixels()
    loader = DataLoader(TensorDataset(x, labels), of)
    optimizer = optim.SGD(model.parameters(), 0.0)
    row = fit(model, loader, loader, epochs=1, optimizer=optimizer, loss=loss, progress="none")[0]
    z = model(mt.tensor(x))
    expected = loss(z, mt.tensor(labels)).item()  # all data at once
    assert row["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert row["test_loss"] == pytest.approx(expected, rel=1e-5)
    assert evaluate(model, loader, loss).loss == pytest.approx(expected, rel=1e-5)


def test_a_class_that_is_ignored_and_a_batch_without_labels_do_not_count():
    x, labels, model = pixels()
    labels[:] = np.arange(3)[:, None, None]
    loss = partial(F.cross_entropy, ignore_index=0)  # the first image has no label that counts
    loader = DataLoader(TensorDataset(x, labels), 1)
    optimizer = optim.SGD(model.parameters(), 0.0)
    row = fit(model, loader, loader, epochs=1, optimizer=optimizer, loss=loss, progress="none")[0]
    expected = loss(model(mt.tensor(x)), mt.tensor(labels)).item()
    assert [row["train_loss"], row["test_loss"]] == pytest.approx([expected] * 2, rel=1e-5)


def test_a_loss_with_parameters_learns_and_is_kept(tmp_path):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_scale = nn.Parameter(mt.zeros(1))

        def forward(self, y, t):
            return ((y - t).square() * (-self.log_scale).exp() + self.log_scale).mean()

    def run(epochs, **settings):
        model, loss = linear(1), Scaled()
        optimizer = optim.SGD([*model.parameters(), *loss.parameters()], 0.1)
        kept = {"checkpoint": tmp_path / "state", "optimizer": optimizer, "progress": "none"}
        fit(model, loader, epochs=epochs, loss=loss, **kept, **settings)
        return loss.log_scale.item()

    target = mt.tensor(X[:, :1] * 3)
    loader = DataLoader(TensorDataset(X, target), 4)
    whole = run(3)
    run(1)
    assert whole != 0 and run(3, resume=True) == whole


@pytest.mark.parametrize(
    "loss, error, message",
    [
        (partial(F.mse_loss, reduction="none"), ValueError, r"one number, .* shape \(4, 1\)"),
        (lambda y, t: 1.5, TypeError, "must give a Tensor, got a float"),
        (nn.MSELoss, TypeError, "must be a MSELoss, not the class"),
        (lambda y, t: {"loss": F.mse_loss(y, t)}, TypeError, "must give a Tensor, got a dict"),
        (lambda y, t: t.sum(), ValueError, "does not depend on any trainable parameter"),
    ],
)
def test_a_loss_that_is_not_one_number_of_the_net_is_refused(loss, error, message):
    with pytest.raises(error, match=f"^fit: loss .*{message}"):
        train(linear(1), X[:, :1], loss)
