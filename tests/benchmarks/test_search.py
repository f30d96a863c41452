"""The benchmark of the search counts the right tenths, and says what it found."""

import numpy as np
import pytest

from benchmarks import search
from minitorch_cnn.nas import Sample, Score


def test_the_ends_are_tenths():
    assert ends_of(20) == (0.5, 18.5)
    assert ends_of(3) == (0, 2)


def ends_of(count):
    return search.ends(list(range(count)))


def test_the_verdict_says_gains_and_losses_with_the_number_of_seeds():
    rows = {"random": [[0.5] * 10, [0.5] * 10], "reinforce": [[0.2] * 9 + [0.9]] * 2}
    rows["evolution"] = [[0.4] * 10, [0.5] * 9 + [0.6]]
    found = {method: np.array(rewards) for method, rewards in rows.items()}
    first, second = search.verdict(found)
    assert first.startswith("reinforce, last tenth: +70.0 points against its first tenth")
    assert "+40.0 points against random search's last tenth" in first and "2 of 2 seeds" in first
    assert "+0.0 points against random" in second and "above it on 1 of 2 seeds" in second


def test_it_writes_a_table_and_a_picture(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    rewards = {"random": [0.2, 0.3], "reinforce": [0.2, 0.9], "evolution": [0.3, 0.4]}

    def run(plan, directory, **settings):
        return [
            Sample(i, (), i, "", False, Score(r)) for i, r in enumerate(rewards[plan.method] * 10)
        ]

    monkeypatch.setattr(search, "run_search", run)
    search.main(["--seeds", "2", "--budget", "20", "--out", str(tmp_path / "s.md")])
    text = (tmp_path / "s.md").read_text()
    assert text.count("| reinforce |") == 3 and "reinforce, last tenth: +0.0 points" in text
    assert (tmp_path / "s.png").exists() and "evolution" in capsys.readouterr().out
