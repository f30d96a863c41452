"""The kinds of values that options take."""

import argparse

import pytest

from minitorch_cnn.cli.parser import (
    CommandError,
    Parser,
    file_path,
    image_shape,
    model_name,
    number,
    setting,
)


@pytest.mark.parametrize("text, value", [("3", 3), ("0", 0)])
def test_an_integer_may_be_the_least(text, value):
    assert number(int, 0)(text) == value


def test_a_number_above_a_bound_is_not_the_bound():
    assert number(float, 0, above=True)("1e-9") == 1e-9
    with pytest.raises(argparse.ArgumentTypeError, match=r"'0\.0' must be a number above 0"):
        number(float, 0, above=True)("0.0")


@pytest.mark.parametrize("text", ["2.0", "x", "", "nan", "inf", "-1"])
def test_what_is_no_integer_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be an integer of at least 0"):
        number(int, 0)(text)


def test_a_shape_is_read_in_the_order_of_an_array():
    assert image_shape("3x224X112") == (3, 224, 112)


def test_a_model_name_is_itself():
    assert model_name("lenet5") == "lenet5"


def test_a_parser_raises_its_complaint():
    with pytest.raises(CommandError, match=r"required: x \(see it --help\)"):
        parser = Parser(prog="it")
        parser.add_argument("x")
        parser.parse_args([])


@pytest.mark.parametrize(
    "text, value",
    [("1", 1), ("0.5", 0.5), ("false", False), ("False", False), ("None", None), ("relu", "relu")],
)
def test_a_setting_is_json_or_what_python_writes_or_a_word(text, value):
    assert setting(f"x={text}") == ("x", value)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_what_names_no_file_is_refused(text):
    with pytest.raises(CommandError, match="is not the name of a file or folder"):
        file_path(text)
