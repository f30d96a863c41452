"""User-defined metrics are means over samples, in the history and the file."""

import csv

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.nn import functional as F
from minitorch_cnn.training import fit

X = np.random.default_rng(0).normal(size=(10, 4)).astype("f4")
Y = X.sum(1, keepdims=True)


def run(progress="none", **settings):
    mt.manual_seed(0)
    model = nn.Linear(4, 1)
    loader = DataLoader(TensorDataset(X, Y), 4)
    optimizer = optim.SGD(model.parameters(), 0.0)
    settings = {"epochs": 1, "loss": F.mse_loss, **settings}
    return model, fit(model, loader, loader, optimizer=optimizer, progress=progress, **settings)


def test_metrics_are_means_over_the_samples_of_uneven_batches(tmp_path, capsys):
    metrics = {
        "mae": lambda y, t: (y - t).abs().mean(),
        "largest": lambda y, t: np.float32((y - t).abs().max().item()),
        "numpy": lambda y, t: np.abs(y.numpy() - t.numpy()).mean(),
    }
    model, history = run("plain", metrics=metrics)
    error = np.abs(X.astype("f8") @ model.weight.array.T + model.bias.array - Y)
    largest = np.average([error[:4].max(), error[4:8].max(), error[8:].max()], weights=[4, 4, 2])
    for part in ("train", "test"):
        assert history[0][f"{part}_mae"] == pytest.approx(error.mean(), rel=1e-5)
        assert history[0][f"{part}_numpy"] == pytest.approx(error.mean(), rel=1e-5)
        assert history[0][f"{part}_largest"] == pytest.approx(largest, rel=1e-5)
    history.save_csv(tmp_path / "metrics.csv")
    with open(tmp_path / "metrics.csv", newline="") as file:
        line = next(csv.DictReader(file))
    assert float(line["test_mae"]) == history[0]["test_mae"] and "train_largest" in line
    assert "test mae" in capsys.readouterr().out


def test_patience_without_classes_goes_by_the_lowest_test_loss():
    mt.manual_seed(0)
    model = nn.Linear(4, 1)
    loader = DataLoader(TensorDataset(X, Y), 4)
    optimizer = optim.SGD(model.parameters(), 0.05)
    rates = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 if epoch < 3 else -1)
    settings = {"epochs": 20, "patience": 2, "loss": F.mse_loss, "scheduler": rates}
    history = fit(model, loader, loader, optimizer=optimizer, progress="none", **settings)
    best = min(history, key=lambda row: row["test_loss"])
    assert history.best() is best and len(history) == best["epoch"] + 2
    found = F.mse_loss(model(mt.tensor(X)), mt.tensor(Y)).item()
    assert found == pytest.approx(best["test_loss"], rel=1e-5)


def test_a_run_with_other_metrics_is_not_gone_on_with(tmp_path):
    kept = {"checkpoint": tmp_path / "state"}
    run(metrics={"a": lambda y, t: 1}, **kept)
    with pytest.raises(ValueError, match=r"^fit: cannot resume from .*: its metrics are a, not b"):
        run(metrics={"b": lambda y, t: 1}, epochs=2, resume=True, **kept)


@pytest.mark.parametrize(
    "metrics, error, message",
    [
        ({"mae": lambda y, t: (y - t).abs()}, TypeError, r"metrics\['mae'\] must give one number"),
        ({"loss": lambda y, t: 1}, ValueError, "metrics has the name 'loss'"),
        ({"mae": 3}, TypeError, r"metrics\['mae'\] must be a function"),
        ([abs], TypeError, "metrics must be a dict"),
    ],
)
def test_metrics_that_are_no_functions_that_give_a_number_are_refused(metrics, error, message):
    with pytest.raises(error, match=f"^fit: {message}"):
        run(metrics=metrics)
