"""compare draws the summaries' numbers, and its claims match its figures."""

import itertools

import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import compare, summary, summary_of
from minitorch_cnn.analysis.compare import kind_of
from minitorch_cnn.analysis.published_errors import PUBLISHED_ERRORS
from minitorch_cnn.models import list_models, model_entry
from tests.pictures import assert_readable

KNOWN = [name for name in list_models() if name in PUBLISHED_ERRORS]


@pytest.fixture(scope="module")
def figure():
    pytest.importorskip("matplotlib")
    return compare(["alexnet", "vgg11", "googlenet"])


def heads(figure):
    return [[axes.get_title(loc="left"), axes.texts[0].get_text()] for axes in figure.axes]


def test_the_bars_are_the_rows_of_the_summaries(figure):
    fields = [("memory_bytes", 2**20), ("params", 1e6), ("ops", 1e9)]
    for (field, unit), column in itertools.product(enumerate(fields), range(3)):
        name = ["alexnet", "vgg11", "googlenet"][column]
        rows = [row for row in summary_of(name).rows if row.memory_bytes]
        bars = [bar.get_height() for bar in figure.axes[3 * field + column].patches]
        assert bars == [getattr(row, unit[0]) / unit[1] for row in rows]


def test_the_titles_say_where_alexnet_spends_what_as_the_lecture_does(figure):
    memory, params, operations = (heads(figure)[i] for i in (0, 3, 6))
    assert memory == ["alexnet", "2.26 MiB, 82% in convolutions"]
    assert params[1] == "61.1 million, 96% in fully connected layers"
    assert operations[1] == "0.715 billion, 92% in convolutions"
    assert [text.get_text() for text in figure.texts] == [
        "vgg11 takes 10.7 times the multiply-adds of alexnet"
    ]


def test_every_registered_model_with_a_known_error_is_a_labelled_point(figure):
    axes = figure.axes[-1]
    offsets = {tuple(point) for point in axes.collections[0].get_offsets().tolist()}
    assert offsets == {(model_entry(n).macs / 1e9, PUBLISHED_ERRORS[n].top1) for n in KNOWN}
    labels = {text.get_text(): text for text in axes.texts[1:]}
    assert labels.keys() == set(KNOWN)
    bold = {name for name, text in labels.items() if text.get_weight() == "bold"}
    assert bold == {"alexnet", "vgg11"}
    assert heads(figure)[-1][1].endswith("not known of googlenet")


def test_the_title_of_the_scatter_is_true_of_its_points(figure):
    cheap, _, rest = heads(figure)[-1][0].partition(" has a smaller error than ")
    dear, _, ratio = rest.partition(", for 1/")
    assert PUBLISHED_ERRORS[cheap].top1 <= PUBLISHED_ERRORS[dear].top1
    assert round(model_entry(dear).macs / model_entry(cheap).macs) == int(ratio.split()[0])


def test_the_names_of_the_points_do_not_hide_each_other(figure):
    boxes = [text.get_window_extent() for text in figure.axes[-1].texts[1:]]
    for a, b in itertools.combinations(boxes, 2):
        shared = a.intersection(a, b)
        assert shared is None or shared.height < 0.4 * a.height or shared.width < 0.1 * a.width


@pytest.mark.parametrize("models", [["lenet5"], ["alexnet", "vgg16"]])
def test_no_text_hides_another_in_either_file(models):
    pytest.importorskip("matplotlib")
    figure = compare(models)
    assert_readable(figure)
    assert_readable(figure)  # the second file is drawn like the first


def test_one_model_of_ones_own_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 2))
    figure = compare([net], (1, 8, 8))
    figure.savefig(tmp_path / "net.png")
    assert (tmp_path / "net.png").stat().st_size > 10_000
    assert figure.axes[0].get_title(loc="left") == "Sequential"


def test_layers_are_told_apart_by_kind():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    )
    assert [kind_of(row) for row in summary(net, (1, 6, 6)).rows] == [
        "convolutions",
        "normalisations",
        "poolings",
        "other layers",
        "fully connected layers",
    ]


def test_a_name_is_summarised_for_the_image_of_its_publication_or_another():
    assert summary_of("lenet5_relu").rows[0].input_shape == (1, 32, 32)
    assert summary_of("lenet5_relu", (3, 32, 32)).rows[0].input_shape == (3, 32, 32)


def test_unknown_names_and_no_names_are_refused():
    with pytest.raises(KeyError, match="the nearest is 'alexnet'"):
        compare(["alexnett"])
    with pytest.raises(ValueError, match="compare: models must name at least one"):
        compare([])


def test_published_errors_are_percentages_that_fall_from_top_1_to_top_5():
    for errors in PUBLISHED_ERRORS.values():
        assert 0 < errors.top5 < errors.top1 < 100
