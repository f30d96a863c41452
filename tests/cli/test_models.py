"""minitorch-cnn models."""

import pytest

from minitorch_cnn.models import list_models


def test_every_model_has_a_line_with_its_parameters_and_images(command):
    said = command("models")
    head, *lines = said.out.splitlines()
    assert said.code == 0
    assert head.split() == ["model", "parameters", "images"]
    assert [line.split()[0] for line in lines] == list_models()
    (line,) = (line for line in lines if line.startswith("lenet5 "))
    assert line.split()[1:3] == ["60,000", "1x32x32"]


def test_a_pattern_selects_names(command):
    lines = command("models", "*_relu").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list_models("*_relu")
    assert len(lines) > 1


def test_a_pattern_that_matches_nothing_is_refused(refused):
    assert "no model matches 'y*'" in refused("models", "y*")


@pytest.mark.parametrize("name", list_models())
def test_the_text_of_a_model_is_one_sentence(command, name):
    (line,) = command("models", name).out.splitlines()[1:]
    assert line.endswith(".") and ". " not in line


def test_a_pattern_that_nothing_matches_is_refused_with_the_nearest_model(refused):
    assert "the nearest is 'lenet5'" in refused("models", "lenet6")
