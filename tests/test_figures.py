"""Letters, ticks and sizes of all figures."""

import io
import itertools

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from minitorch_cnn.figures import (
    AROUND_ZERO,
    COLORS,
    GREY,
    MAP,
    OVER,
    SHARES,
    SMALL,
    color_bar,
    image_grid,
    label,
    log_ticks,
    name_ticks,
    new_figure,
    round_numbers,
    save_figure,
    show_image,
    style,
    tint,
)
from tests.pictures import EYES, lab


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (0.7, 150, [1, 2, 5, 10, 20, 50, 100]),
        (1, 1000, [1, 10, 100, 1000]),
        (3e-12, 40, [1e-11, 1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 10]),
        (13, 97, [20, 40, 60, 80]),
        (1.03, 1.07, [1.03, 1.04, 1.05, 1.06, 1.07]),
        (9.7, 10.4, [9.8, 10, 10.2, 10.4]),
    ],
)
def test_round_numbers_are_powers_of_ten_one_two_five_or_even_steps(low, high, expected):
    assert round_numbers(low, high) == pytest.approx(expected)


def test_there_are_a_few_round_numbers_in_every_range():
    rng = np.random.default_rng(0)
    for low, ratio in zip(
        10 ** rng.uniform(-9, 9, 300), 10 ** rng.uniform(0.01, 20, 300), strict=True
    ):
        found = round_numbers(low, low * ratio)
        assert 3 <= len(found) <= 11, (low, low * ratio)
        assert all(a < b for a, b in itertools.pairwise(found))
        assert low * (1 - 1e-6) <= found[0] and found[-1] <= low * ratio * (1 + 1e-6)


def test_ticks_of_a_logarithmic_axis_are_plain_numbers_and_no_others():
    ax = new_figure(5, 4).subplots()
    ax.semilogy([1, 2], [0.03, 2000])
    log_ticks(ax.yaxis)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.1", "1", "10", "100", "1,000"]
    assert list(ax.get_yticks(minor=True)) == []
    ax.set_ylim(1e-9, 1e-3)
    log_ticks(ax.yaxis)
    assert ax.get_yticklabels()[0].get_text() == "$10^{-9}$"


def test_many_long_names_are_thinned_and_shortened_but_not_small():
    ax = new_figure(8, 4).subplots()
    names = [f"cells.{k}.node.1.left.separable.pointwise" for k in range(300)]
    name_ticks(ax, names)
    shown = ax.get_xticklabels()
    assert 20 < len(shown) < 60 and {text.get_size() for text in shown} == {SMALL}
    assert all(len(text.get_text()) <= 28 for text in shown)
    assert shown[1].get_text().startswith(f"cells.{int(ax.get_xticks()[1])}.")
    # Every name has a line's height.
    apart = np.diff(ax.get_xticks())[0] / 300 * ax.get_position().width * 8 * 72
    assert apart >= SMALL


def test_names_stand_below_all_places_also_those_without_a_value():
    ax = new_figure(8, 4).subplots()
    ax.plot([np.nan, 1.0, np.nan])
    name_ticks(ax, ["a", "b", "c"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert ax.get_xlim() == (-0.5, 2.5)


def test_titles_are_broken_where_the_figure_ends():
    ax = new_figure(4, 3).subplots()
    label(ax, "a title that is longer than its axes are wide, by a name: " + "x" * 60)
    figure = ax.figure
    figure.canvas.draw()
    assert all(len(line) <= 60 for line in ax.get_title(loc="left").split("\n"))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_of_any_number_of_channels_are_shown(channels):
    ax = new_figure(2, 2).subplots()
    show_image(ax, np.random.default_rng(0).normal(size=(channels, 5, 4)), "$x")
    assert ax.images[0].get_array().shape == ((5, 4, 3) if channels == 3 else (5, 4))


@pytest.mark.parametrize("columns", [1, 3, 16])
def test_a_grid_of_images_is_wide_enough_to_be_read(columns):
    figure, grid = image_grid(2, columns)
    assert grid.shape == (2, columns) and figure.get_size_inches()[0] * figure.dpi >= 800


def test_beside_a_png_of_lines_the_same_is_written_as_svg_with_its_letters(tmp_path):
    figure = new_figure(8, 4)
    ax = figure.subplots()
    ax.plot([1, 2, 3])
    label(ax, "A finding", "number of epochs", "error (%)")
    png, svg = save_figure(figure, tmp_path / "a.png")
    assert (png.name, svg.name) == ("a.png", "a.svg") and png.read_bytes()[:4] == b"\x89PNG"
    first = svg.read_text(encoding="utf-8")
    assert all(text in first for text in ("A finding", "number of epochs", "error (%)"))
    save_figure(figure, png)
    assert svg.read_text(encoding="utf-8") == first  # no date, and no random names


def test_an_svg_of_another_origin_is_kept(tmp_path):
    (tmp_path / "a.svg").write_text("<svg>mine</svg>", encoding="utf-8")
    figure = new_figure(8, 4)
    figure.subplots().bar([0, 1], [2, 3])
    assert save_figure(figure, tmp_path / "a.png") == [tmp_path / "a.png"]
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == "<svg>mine</svg>"


def test_images_alone_and_other_formats_are_one_file(tmp_path):
    images, grid = image_grid(1, 2)
    drawn = grid[0, 0].imshow([[1, 2]])
    color_bar(drawn, grid[0, 0], "value")
    assert save_figure(images, tmp_path / "images.png") == [tmp_path / "images.png"]
    lines = new_figure(8, 4)
    lines.subplots().plot([1, 2])
    assert save_figure(lines, tmp_path / "lines.pdf") == [tmp_path / "lines.pdf"]


def test_saving_does_not_change_the_layout_of_a_figure():
    figure = new_figure(8, 4, layout="none")
    figure.subplots().plot([1, 2])
    for _ in range(2):
        figure.savefig(io.BytesIO(), format="png")
        assert figure.get_layout_engine() is None


def test_the_style_is_that_of_figures_and_of_nothing_else():
    import matplotlib

    before = dict(matplotlib.rcParams)
    ax = new_figure(8, 4).subplots()
    lines = [ax.plot([k, k + 1])[0] for k in range(len(COLORS))]
    assert [line.get_color() for line in lines] == list(COLORS)
    assert ax.xaxis.label.get_size() == style()["axes.labelsize"] >= SMALL
    assert not ax.spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before


def lightness(name, eyes):
    """CIE L* of a colour map's 101 colours to eyes, from matrices of linear light."""
    import matplotlib

    colours = matplotlib.colormaps[name](np.linspace(0, 1, 101))[:, :3]
    light = np.clip(colours**2.2 @ np.array(eyes).T, 0, 1) @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(light) - 16


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
def test_colour_maps_grow_in_lightness_to_all_eyes_as_in_a_print_without_colours(eyes):
    for name in (MAP, OVER):
        assert np.diff(lightness(name, eyes)).min() > 0
    assert np.diff(lightness(SHARES, eyes)).max() < 0  # white is none
    both = lightness(AROUND_ZERO, eyes)
    assert both.argmax() == pytest.approx(50, abs=1)  # 0 is white
    assert np.diff(both[:50]).min() > 0 and np.diff(both[51:]).max() < 0


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
def test_colours_of_series_differ_from_each_other_and_from_grey_to_all_eyes(eyes):
    colours = np.array([list(bytes.fromhex(colour[1:])) for colour in (*COLORS, GREY)])
    places = lab(colours, eyes)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    others = ~np.eye(len(colours), dtype=bool)
    assert apart[others].min() > 13
    assert np.linalg.norm(np.diff(places[: len(COLORS)], axis=0), axis=1).min() > 30  # neighbours


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
def test_areas_of_drawings_differ_to_all_eyes(eyes):
    from docs import figures as drawings
    from minitorch_cnn.analysis.graph_drawing import COLORS as boxes

    sheets = drawings.BLUE, drawings.ORANGE, drawings.PURPLE, drawings.GREY
    for colours in (sheets, tuple(boxes.values())):
        places = lab(np.array([list(bytes.fromhex(colour[1:])) for colour in colours]), eyes)
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        assert apart[~np.eye(len(colours), dtype=bool)].min() > 13


def test_a_tint_is_a_mixture_with_white():
    assert [tint("#0072b2", share) for share in (0, 0.5, 1)] == ["#ffffff", "#80b8d8", "#0072b2"]
