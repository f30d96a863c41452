"""The pictures of a search are drawn, whatever became of its samples."""

import pytest

from minitorch_cnn.nas import Sample, Score


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
