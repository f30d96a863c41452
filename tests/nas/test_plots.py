"""The figures of a search are drawn for all outcomes of its samples."""

import pytest

from minitorch_cnn.nas import Sample, Score
from tests.pictures import assert_readable


@pytest.mark.parametrize("count", [1, 25])
@pytest.mark.parametrize("failed", [None, "no luck"])
def test_both_are_drawn(tmp_path, count, failed):
    pytest.importorskip("matplotlib")
    from minitorch_cnn.nas.plots import plot_pareto, plot_rewards

    scores = [Score(0.0, failed=failed)] if failed else []
    scores += [Score(i / count, 1 + i * i, i) for i in range(count)]
    samples = [Sample(i, (i,), i, str(i), False, score) for i, score in enumerate(scores)]
    for plot in (plot_rewards, plot_pareto):
        plot(samples, tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_multiply_adds_have_round_numbers_and_samples_whole_ones(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from minitorch_cnn.nas import plots

    drawn = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: drawn.append(figure))
    scores = [Score(0.5 + k / 100, 30_000 + 4000 * k, k) for k in range(12)]
    samples = [Sample(k, (k,), k, str(k), False, score) for k, score in enumerate(scores)]
    plots.plot_rewards(samples[:1], tmp_path)
    plots.plot_pareto(samples, tmp_path)
    assert all(tick == round(tick) for tick in drawn[0].axes[0].get_xticks())
    assert drawn[0].axes[0].get_title(loc="left") == "The last sample is 0.0 points above the first"
    for figure in drawn:
        assert_readable(figure)
    assert drawn[0].axes[0].get_xlabel() == "number of sampled networks"
    texts = [text.get_text() for text in drawn[1].axes[0].get_xticklabels()]
    assert texts == [f"{k}0,000" for k in range(3, 8)]
