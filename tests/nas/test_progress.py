"""The progress of a search shows the outcomes of its samples."""

import pytest

from minitorch_cnn.nas import Sample, Score
from minitorch_cnn.nas.progress import Bar, describe

ROUND = [
    Sample(10, (0,), 0, "a", False, Score(0.5, 10, 1)),
    Sample(11, (1,), 1, "b", False, Score(0.0, failed="no luck")),
    Sample(12, (0,), 0, "a", True, Score(0.5, 10, 1)),
]


def test_a_line_has_the_mean_the_best_and_what_was_not_trained_or_failed():
    line = describe(ROUND, Sample(3, (1,), 1, "c", False, Score(0.75, 10, 1)))
    assert "11-13" in line and "mean 33.33%" in line and "best so far 75.00%" in line
    assert "1 known before" in line and "1 failed" in line
    assert "known" not in describe(ROUND[:1], ROUND[0])


def test_the_bar_goes_on_from_what_is_done(capsys):
    bar = Bar(6, ROUND)
    bar.advance(ROUND[0]._replace(number=13, score=Score(0.8125)))
    bar.line(ROUND, ROUND[0])
    bar.close()
    said = capsys.readouterr()
    assert "4/6" in said.err and "best 81.25%, 1 failed" in said.err
    assert "mean 33.33%" in said.out + said.err


@pytest.mark.parametrize("name", ["advance", "line"])
def test_a_silent_one_says_nothing(name, capsys):
    from minitorch_cnn.nas.progress import PROGRESS

    silent = PROGRESS["none"](6, [])
    getattr(silent, name)(*([ROUND[0]] if name == "advance" else [ROUND, ROUND[0]]))
    silent.close()
    assert capsys.readouterr() == ("", "")
