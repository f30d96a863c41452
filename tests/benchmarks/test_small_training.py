"""Nets learn the digits in their small form: two of them here, one of every family at night."""

import pytest

from benchmarks import small_training
from benchmarks.small_training import CASES, LEARNED, Case, learn
from minitorch_cnn.models import list_models


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg16_bn"])
def test_a_small_form_learns_the_images_it_is_trained_on(name):
    learned, held_out = learn(name)
    assert learned >= LEARNED >= 0.95 and held_out > 0.9


@pytest.mark.slow
def test_a_net_that_labels_pixels_learns_masks(monkeypatch):
    smaller = Case(64, 3, {**CASES["fcn8s"].settings, "width": 1 / 16})
    monkeypatch.setitem(CASES, "fcn8s", smaller)
    assert learn("fcn8s")[1] > 0.35  # to call all of it ground makes a mean IoU of 0.11


def test_the_cases_are_models_there_are():
    assert CASES.keys() <= set(list_models())


@pytest.mark.parametrize(
    ("name", "learned", "held_out", "status"),
    [
        ("vgg11", 0.951, 0.9, 0),
        ("vgg11", 0.949, 0.9, 1),
        ("fcn8s", 0.9, 0.701, 0),
        ("fcn8s", 0.9, 0.699, 1),
    ],
)
def test_a_net_that_did_not_learn_is_an_error(
    name, learned, held_out, status, tmp_path, monkeypatch
):
    monkeypatch.setattr(small_training, "learn", lambda name: (learned, held_out))
    file = tmp_path / "small.md"
    with pytest.raises(SystemExit) as stop:
        small_training.main([name, "--out", str(file)])
    assert stop.value.code == status
    pixels, epochs, _ = CASES[name]
    row = file.read_text(encoding="utf-8").splitlines()[-1]
    assert row == f"| {name} | {pixels} | 0.125 | {epochs} | {learned:.1%} | {held_out:.1%} | 0 |"


def test_a_net_without_a_case_is_refused(capsys):
    with pytest.raises(SystemExit):
        small_training.main(["vgg12"])
    assert "NAME vgg12 must be one of" in capsys.readouterr().err
