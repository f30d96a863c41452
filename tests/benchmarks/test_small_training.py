"""Nets learn the digits in their small form: two of them here, one of every family at night."""

import pytest

from benchmarks import small_training
from benchmarks.small_training import CASES, LEARNED, learn
from minitorch_cnn.models import list_models


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg16_bn"])
def test_a_small_form_learns_the_images_it_is_trained_on(name):
    learned, held_out = learn(name)
    assert learned >= LEARNED >= 0.95 and held_out > 0.9


def test_the_cases_are_models_there_are():
    assert CASES.keys() <= set(list_models())


@pytest.mark.parametrize(("learned", "status"), [(0.951, 0), (0.949, 1)])
def test_a_net_that_did_not_learn_is_an_error(learned, status, tmp_path, monkeypatch):
    monkeypatch.setattr(small_training, "learn", lambda name: (learned, 0.9))
    file = tmp_path / "small.md"
    with pytest.raises(SystemExit) as stop:
        small_training.main(["vgg11", "--out", str(file)])
    assert stop.value.code == status
    row = file.read_text(encoding="utf-8").splitlines()[-1]
    assert row == f"| vgg11 | 32 | 0.125 | 5 | {learned:.1%} | 90.0% | 0 |"


def test_a_net_without_a_case_is_refused(capsys):
    with pytest.raises(SystemExit):
        small_training.main(["vgg12"])
    assert "NAME vgg12 must be one of" in capsys.readouterr().err
