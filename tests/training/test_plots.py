"""Pictures are drawn for every shape of history and any number of classes."""

import sys

import numpy as np
import pytest

from minitorch_cnn.training import History, Predictions
from minitorch_cnn.training.plots import plot_confusion, plot_curves, plot_worst

ROW = {"epoch": 1, "train_loss": 2.0, "train_top1": 0.5, "test_loss": 1.0, "test_top1": 1.0}
HISTORIES = {
    "one epoch": [ROW],
    "an error of 0": [ROW, {**ROW, "epoch": 2, "train_top1": 1.0}],
    "no error at all": [{**ROW, "train_top1": 1.0, "train_loss": 0.0, "test_loss": 0.0}],
    "no test data": [{"epoch": 1, "train_loss": 2.0, "train_top1": 0.5}],
}


@pytest.fixture(autouse=True)
def _needs_matplotlib():
    pytest.importorskip("matplotlib")


def is_png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 3000


@pytest.mark.parametrize("rows", HISTORIES.values(), ids=HISTORIES)
def test_curves(tmp_path, rows):
    plot_curves(History(rows), tmp_path / "curves.png")
    assert is_png(tmp_path / "curves.png")


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_confusions(tmp_path, classes):
    matrix = np.random.default_rng(0).integers(9, size=(classes, classes))
    matrix[1] = 0  # a class of which there is no sample
    plot_confusion(matrix, [f"class {i}" for i in range(classes)], tmp_path / "confusion.png")
    assert is_png(tmp_path / "confusion.png")


@pytest.mark.parametrize("samples, channels", [(3, 1), (60, 3)])
def test_the_worst_images(tmp_path, samples, channels):
    rng = np.random.default_rng(0)
    looked_at = []

    class Images:
        def __getitem__(self, index):
            looked_at.append(index)
            return rng.random((channels, 5, 4), np.float32), 0

    labels = rng.integers(4, size=samples)
    logits = rng.standard_normal((samples, 4))
    predictions = Predictions(logits, labels)
    plot_worst(Images(), predictions, list("abcd"), tmp_path / "worst.png")
    assert is_png(tmp_path / "worst.png")
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = p[np.arange(samples), labels]
    assert looked_at == sorted(range(samples), key=lambda i: right[i])[:40]


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^plots: needs Matplotlib \(pip install matplotlib\)"):
        plot_curves(History([ROW]), tmp_path / "curves.png")
