"""Pictures are drawn for every shape of history and any number of classes."""

import sys

import numpy as np
import pytest

from minitorch_cnn.training import History, Predictions
from minitorch_cnn.training.plots import (
    class_colours,
    plot_confusion,
    plot_curves,
    plot_worst,
    plot_worst_masks,
)

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


@pytest.mark.parametrize("percent", [True, False])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_confusions(tmp_path, classes, percent):
    matrix = np.random.default_rng(0).integers(9, size=(classes, classes))
    matrix[1] = 0  # a class of which there is no sample
    names = [f"class {i}" for i in range(classes)]
    plot_confusion(matrix, names, tmp_path / "confusion.png", percent)
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


@pytest.mark.parametrize(
    "name",
    ["a$$b", "$", r"$\\frac$", "_x", "", "\u732b", "a\nb", "x" * 255, "\udcff", "\0", "{}%&"],
)
def test_any_name_of_a_class_can_be_drawn(tmp_path, name):
    classes = [name, "other"]
    matrix = np.array([[3, 1], [0, 2]])
    plot_confusion(matrix, classes, tmp_path / "confusion.png")
    images = [(np.zeros((1, 4, 4), np.float32), 0)] * 3
    predictions = Predictions(np.eye(3, 2), np.array([0, 1, 0]))
    plot_worst(images, predictions, classes, tmp_path / "worst.png")
    masks = np.zeros((3, 4, 4), int)
    plot_worst_masks(images, masks, masks, classes, tmp_path / "masks.png")
    assert all(is_png(tmp_path / f"{kind}.png") for kind in ("confusion", "worst", "masks"))


@pytest.mark.parametrize("samples, channels", [(1, 1), (12, 3)])
def test_the_worst_masks(tmp_path, samples, channels):
    rng = np.random.default_rng(0)
    looked_at = []

    class Images:
        def __getitem__(self, index):
            looked_at.append(index)
            return rng.random((channels, 5, 4), np.float32), None

    masks, predicted = rng.integers(3, size=(2, samples, 5, 4))
    masks[::2, :3] = 255  # not labelled, so not wrong
    path = tmp_path / "worst.png"
    plot_worst_masks(Images(), predicted, masks, list("abc"), path)
    assert is_png(path)
    wrong = ((predicted != masks) & (masks != 255)).sum((1, 2))
    assert looked_at == sorted(range(samples), key=lambda i: -wrong[i])[:8]


@pytest.mark.parametrize("classes", [1, 2, 7, 21])
def test_every_class_of_a_mask_has_a_colour_of_its_own(classes):
    colours = class_colours(classes)
    assert colours.shape == (classes, 3) and colours.dtype == np.uint8 and not colours[0].any()
    assert len(np.unique(colours, axis=0)) == classes


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^plots: needs Matplotlib \(pip install matplotlib\)"):
        plot_curves(History([ROW]), tmp_path / "curves.png")
