"""minitorch-cnn compare."""

import pytest


def test_each_model_is_a_line_with_its_costs(command):
    said = command("compare", "lenet5", "alexnet", "lenet5")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == ["model", "lenet5", "alexnet"]
    assert "714,188,480" in said.out and "43.5 %" in said.out


def test_the_costs_are_drawn_into_a_file(command, tmp_path):
    pytest.importorskip("matplotlib")
    assert command("compare", "lenet5", "--plot", tmp_path / "costs.png").code == 0
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_a_format_that_there_is_not_is_refused(refused, tmp_path):
    pytest.importorskip("matplotlib")
    assert "costs.xyz must end in one of" in refused(
        "compare", "lenet5", "--plot", tmp_path / "costs.xyz"
    )


def test_images_that_do_not_fit_a_model_are_refused(refused):
    message = refused("compare", "lenet5", "alexnet", "--input-shape", "3x224x224")
    assert "lenet5 cannot take images of 3x224x224" in message


def test_an_unknown_model_is_refused_with_the_nearest_known_one(refused):
    assert "the nearest is 'lenet5'" in refused("compare", "alexnet", "lenet6")
