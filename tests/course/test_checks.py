"""No check says yes to what is not written yet. That they say yes to solutions and no to planted
bugs is seen where the notebooks run, in tests/test_notebooks.py.
"""

import importlib
import inspect

import pytest

from minitorch_cnn.course import answer

MODULES = {
    "autograd": 7,
    "compiler": 6,
    "convolution": 4,
    "cost": 5,
    "cuda": 6,
    "distributed": 4,
    "groups": 5,
    "inception": 5,
    "initialisation": 6,
    "landscapes": 3,
    "pooling": 5,
    "residuals": 5,
    "search": 5,
    "seeing": 5,
    "sixteen_bits": 5,
}


def hole(*args):
    raise NotImplementedError("your turn")


def checks(name):
    """The checks of functions: those whose first parameter is one."""
    module = importlib.import_module(f"minitorch_cnn.course.{name}")
    return [
        function
        for function in vars(module).values()
        if inspect.isfunction(function)
        and function.__code__.co_filename == answer.__file__
        and function.__module__ == module.__name__
    ]


def arguments(check):
    """How many functions a check takes; its settings have names."""
    found = inspect.signature(check).parameters.values()
    return len([one for one in found if one.kind is not one.KEYWORD_ONLY])


@pytest.mark.parametrize("name", MODULES)
def test_what_is_not_written_is_answered_with_no(name, capsys):
    found = checks(name)
    assert len(found) == MODULES[name]
    for check in found:
        check(*[hole] * arguments(check))
        assert capsys.readouterr().out.startswith("no: it raised NotImplementedError"), check


@pytest.mark.parametrize("name", MODULES)
def test_what_returns_nothing_is_answered_with_no(name, capsys):
    for check in checks(name):
        check(*[lambda *args: None] * arguments(check))
        assert capsys.readouterr().out.startswith("no: "), check
