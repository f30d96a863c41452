"""Figures are drawn for every shape of history and any number of classes."""

import itertools
import sys

import numpy as np
import pytest

from minitorch_cnn.figures import COLORS, SMALL
from minitorch_cnn.training import History, Predictions, plots
from minitorch_cnn.training.plots import (
    class_colours,
    plot_confusion,
    plot_curves,
    plot_worst,
    plot_worst_masks,
)
from tests.pictures import EYES, assert_readable, lab

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


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    saved, save = [], plots.save_figure
    monkeypatch.setattr(plots, "save_figure", lambda f, path: (saved.append(f), save(f, path)))
    return saved


def ticks(axis) -> list[str]:
    return [tick.get_text() for tick in axis.get_ticklabels()]


def is_png(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 3000


@pytest.mark.parametrize("rows", HISTORIES.values(), ids=HISTORIES)
def test_curves(tmp_path, rows):
    plot_curves(History(rows), tmp_path / "curves.png")
    assert is_png(tmp_path / "curves.png")


def history(*errors):
    return History(
        {**ROW, "epoch": k, "train_top1": 1 - e / 100, "test_top1": 1 - e / 200}
        for k, e in enumerate(errors, 1)
    )


@pytest.mark.parametrize(
    "errors, expected",
    [
        ([90, 31.5], ["20", "40", "60", "80"]),
        ([90, 2], ["1", "2", "5", "10", "20", "50", "100"]),
        ([90, 0.002], ["0.001", "0.01", "0.1", "1", "10", "100"]),
        ([0.0, 20], ["0", "10", "15", "20", "25"]),
        ([0.0], ["0", "0.5", "1"]),
    ],
)
def test_errors_have_ticks_of_round_percents(tmp_path, figures, errors, expected):
    plot_curves(history(*errors), tmp_path / "curves.png")
    left, axes = figures[0].axes
    assert ticks(axes.yaxis) == expected
    assert [ax.get_xlabel() for ax in (left, axes)] == ["number of epochs"] * 2
    assert [ax.get_ylabel() for ax in (left, axes)] == ["loss", "top-1 error (%)"]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["training set", "test set"]
    assert_readable(figures[0])
    assert not [label for label in axes.yaxis.get_ticklabels(minor=True) if label.get_text()]


def test_a_single_epoch_is_a_point_in_the_middle_of_its_axes(tmp_path, figures):
    plot_curves(history(20), tmp_path / "curves.png")
    for axes in figures[0].axes:
        assert ticks(axes.xaxis) == ["1"] and axes.get_xlim() == (0, 2)
        assert all(line.get_marker() == "o" for line in axes.lines)
        assert len(axes.get_yticks()) > 1


def test_a_loss_that_is_not_finite_is_told_of(tmp_path, figures):
    rows = [{**ROW, "train_loss": float("nan"), "test_loss": float("inf")}]
    plot_curves(History(rows), tmp_path / "curves.png")
    left, right = figures[0].axes
    assert [text.get_text() for text in left.texts] == ["not finite"]
    assert not right.texts and ticks(left.xaxis) == ["1"]


def test_the_curves_say_what_was_trained_and_why_test_may_be_better(tmp_path, figures):
    plot_curves(history(80, 20), tmp_path / "curves.png", "lenet5 on digits")
    assert figures[0].get_suptitle() == "lenet5 on digits: test error 10.00% after 2 epochs"
    assert "training mode" in figures[0].get_supxlabel()
    plot_curves(History(HISTORIES["no test data"]), tmp_path / "curves.png", "lenet5 on digits")
    assert figures[1].get_suptitle() == "lenet5 on digits: train error 50.00% after 1 epoch"
    assert figures[1].get_supxlabel() == ""


@pytest.mark.parametrize("percent", [True, False])
@pytest.mark.parametrize("classes", [2, 10, 100])
def test_confusions(tmp_path, classes, percent):
    matrix = np.random.default_rng(0).integers(9, size=(classes, classes))
    matrix[1] = 0  # a class of which there is no sample
    names = [f"class {i}" for i in range(classes)]
    plot_confusion(matrix, names, tmp_path / "confusion.png", percent)
    assert is_png(tmp_path / "confusion.png")


def test_a_confusion_names_its_axes_and_what_is_mixed_up_most(tmp_path, figures):
    matrix = np.array([[5, 0, 1], [3, 2, 0], [0, 0, 4]])
    plot_confusion(matrix, ["cat", "dog", "owl"], tmp_path / "c.png", run="lenet5 on pets")
    axes, bar = figures[0].axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == ["cat", "dog", "owl"]
    assert [text.get_text() for text in axes.texts] == ["5", "1", "3", "2", "4"]
    assert bar.get_ylabel() == "share of the true class (%)"
    assert_readable(figures[0])
    title = "lenet5 on pets: 4 of 15 images are wrong; most often dog is predicted as cat"
    assert figures[0].get_suptitle().replace("\n", " ") == title


def test_numbers_of_a_confusion_fit_their_cells(tmp_path, figures):
    matrix = np.array([[999_999, 1], [99_999, 99_999]])
    plot_confusion(matrix, ["a" * 60, "b"], tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert [text.get_text() for text in axes.texts] == ["100%", "<1%", "50%", "50%"]
    assert max(len(text.get_text()) for text in axes.get_yticklabels()) <= 28
    cell = axes.get_window_extent().width / 2
    assert all(text.get_window_extent().width < cell for text in axes.texts)


@pytest.mark.parametrize("classes, named", [(1, 1), (31, 31), (100, 100), (1000, 100)])
def test_the_classes_of_a_confusion_are_named_as_far_as_they_fit(tmp_path, figures, classes, named):
    matrix = np.eye(classes, dtype=int)
    plot_confusion(matrix, [f"class {k}" for k in range(classes)], tmp_path / "c.png")
    axes = figures[0].axes[0]
    assert len(ticks(axes.xaxis)) == len(ticks(axes.yaxis)) == named
    assert min(label.get_size() for label in axes.get_yticklabels()) >= SMALL
    assert len(axes.texts) == (classes if classes <= 30 else 0)
    assert figures[0].get_suptitle() == f"None of the {classes:,} images is wrong"


class Images:
    """Random images that write down which of them are looked at."""

    def __init__(self, rng, channels, looked_at):
        self.rng, self.channels, self.looked_at = rng, channels, looked_at

    def __getitem__(self, index):
        self.looked_at.append(index)
        return self.rng.random((self.channels, 5, 4), np.float32), None


@pytest.mark.parametrize("samples, channels", [(3, 1), (90, 2), (90, 3)])
def test_the_worst_images_are_the_wrong_ones(tmp_path, figures, samples, channels):
    rng, looked_at = np.random.default_rng(0), []
    images = Images(rng, channels, looked_at)
    labels = rng.integers(4, size=samples)
    logits = rng.standard_normal((samples, 4))
    predictions = Predictions(logits, labels)
    plot_worst(images, predictions, list("abcd"), tmp_path / "worst.png")
    assert is_png(tmp_path / "worst.png")
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = p[np.arange(samples), labels]
    wrong = [i for i in range(samples) if p[i].argmax() != labels[i]]
    assert looked_at == sorted(wrong, key=lambda i: right[i])[:40]
    first = looked_at[0]
    assert figures[0].axes[0].get_title() == (
        f"true: {'abcd'[labels[first]]}, {right[first]:.1%}\n"
        f"predicted: {'abcd'[p[first].argmax()]}, {p[first].max():.1%}"
    )
    title = figures[0].get_suptitle().replace("\n", " ")
    assert f"{len(wrong)} of {samples} images are wrong" in title
    assert "true and its predicted class" in title
    assert ("these 40 most of all" in title) == (len(wrong) > 40)


def test_images_with_long_names_stand_several_in_a_row(tmp_path, figures, monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "axes.titlelocation", "left")  # as in the notebooks
    classes = ["aquarium fish of the first kind", "aquarium fish of the second kind"]
    images = [(np.zeros((3, 8, 8), np.float32), 0)] * 12
    plot_worst(images, Predictions(np.eye(2)[[0] * 12], np.ones(12, int)), classes, tmp_path / "w")
    shown = figures[0].axes
    assert len({ax.get_subplotspec().rowspan.start for ax in shown}) == 3
    boxes = [ax.title.get_window_extent() for ax in shown[:4]]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert shown[0].get_title().startswith("true: aquariu\u2026nd kind, 26.9%")


def test_where_no_image_is_wrong_none_is_shown(tmp_path, figures):
    plot_worst([], Predictions(np.eye(3), np.arange(3)), list("abc"), tmp_path / "worst.png", "net")
    assert figures[0].get_suptitle() == "net: none of 3 images is wrong"
    assert not any(axes.images for axes in figures[0].axes)
    masks = np.zeros((2, 4, 4), int)
    plot_worst_masks([], masks, masks, list("abc"), tmp_path / "worst.png", "net")
    assert figures[1].get_suptitle() == "net: 0 of 2 images have wrong pixels"
    assert not any(axes.images for axes in figures[1].axes)


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
def test_the_worst_masks(tmp_path, figures, samples, channels):
    rng, looked_at = np.random.default_rng(0), []
    images = Images(rng, channels, looked_at)
    masks, predicted = rng.integers(3, size=(2, samples, 5, 4))
    masks[::2, :3] = 255  # not labelled, so not wrong
    path = tmp_path / "worst.png"
    plot_worst_masks(images, predicted, masks, list("abc"), path)
    assert is_png(path)
    wrong = ((predicted != masks) & (masks != 255)).sum((1, 2))
    assert looked_at == sorted(range(samples), key=lambda i: -wrong[i])[:8]
    legend = figures[0].legends[0].get_texts()
    assert [text.get_text() for text in legend] == [" a", " b", " c"]
    assert min(text.get_size() for text in legend) >= SMALL


@pytest.mark.parametrize("classes", [1, 2, 7, 21, 256])
def test_every_class_of_a_mask_has_a_colour_of_its_own(classes):
    colours = class_colours(classes)
    assert colours.shape == (classes, 3) and colours.dtype == np.uint8 and not colours[0].any()
    assert len(np.unique(colours, axis=0)) == classes


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
def test_colours_of_lines_differ_to_eyes_that_lack_a_kind_of_cones(eyes):
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in COLORS])
    places = lab(colours, eyes)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 20


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
@pytest.mark.parametrize("classes, least", [(8, 14), (21, 4)])
def test_colours_of_masks_differ_to_eyes_that_lack_a_kind_of_cones(classes, least, eyes):
    places = lab(class_colours(classes), eyes)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert apart[~np.eye(classes, dtype=bool)].min() > least


def test_without_matplotlib_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^plot: needs Matplotlib \(pip install matplotlib\)"):
        plot_curves(History([ROW]), tmp_path / "curves.png")
