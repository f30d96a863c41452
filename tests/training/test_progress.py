"""The progress display of a run."""

import io
import re

import pytest
import tqdm
import tqdm.auto

from minitorch_cnn.nas import progress as of_search
from minitorch_cnn.training import progress as of_training


@pytest.mark.parametrize("bar", [of_training.Bar, of_search.Bar])
def test_a_notebook_has_its_own_bar_where_it_has_one(bar, monkeypatch):
    class Notebook(tqdm.tqdm):
        """What tqdm.auto has in a notebook."""

    monkeypatch.setattr(tqdm.auto, "tqdm", Notebook)
    shown = bar(10, 0) if bar is of_training.Bar else bar(10, [])
    assert type(shown._bar) is Notebook
    shown.close()


def test_the_last_epoch_and_its_percentage_stand_apart(monkeypatch):
    bar = of_training.Bar(10, 0)
    bar._bar.fp = text = io.StringIO()
    monkeypatch.setattr(bar._bar, "sp", bar._bar.status_printer(text))
    bar.advance(10, "40/40", 0.5, None)
    bar._bar.refresh()
    bar.close()
    assert re.search(r"epoch 40/40 100 %\|", text.getvalue())
