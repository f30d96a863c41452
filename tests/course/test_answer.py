import numpy as np
import pytest

from minitorch_cnn.course.answer import Answer, check, expect, runs
from minitorch_cnn.course.compare import No


def said(capsys, question, *args):
    answer = question(*args)
    printed = capsys.readouterr().out
    assert answer.text + "\n" == printed and bool(answer) == printed.startswith("yes: ")
    return printed


@check
def twice(function) -> str:
    """twice(n) -> 2 n."""
    if function(3) != 6:
        raise No("too small")
    return "it is so"


def test_what_returns_is_answered_with_yes_and_what_raises_no_with_its_reason(capsys):
    assert said(capsys, twice, lambda n: 2 * n) == "yes: it is so\n"
    assert said(capsys, twice, lambda n: n) == "no: too small\n"


def test_an_answer_is_true_or_false_and_no_second_output_in_a_notebook():
    assert twice(lambda n: 2 * n) == Answer(True, "yes: it is so")
    assert twice(lambda n: n) == Answer(False, "no: too small")
    assert Answer(True, "yes")._ipython_display_() is None


def test_a_seed_reaches_the_question(capsys):
    @check
    def seeded(function, *, seed=3) -> str:
        """seeded(n) -> n."""
        return f"{function(seed)}"

    assert seeded(abs).text == "yes: 3" and seeded(abs, seed=-4).text == "yes: 4"


def test_what_is_not_written_is_said_to_be_so():
    def hole(n):
        raise NotImplementedError("optional: add it to itself")

    assert not twice(hole).written and not twice(hole) and twice(lambda n: n).written


def test_a_hole_is_answered_with_its_hint(capsys):
    def hole(n):
        raise NotImplementedError("your turn: add it to itself")

    raised = "no: it raised NotImplementedError: your turn: add it to itself\n"
    assert said(capsys, twice, hole) == raised


def test_what_may_be_left_out_is_neither_right_nor_wrong(capsys):
    def hole(n):
        raise NotImplementedError("optional: add it to itself")

    assert said(capsys, twice, hole) == "not written, and optional: add it to itself\n"
    assert not runs(hole, 3) and runs(abs, 3)


def cell(text):
    """The names that a cell of a notebook defines."""
    names = {"__name__": "__main__", "np": np}
    exec(compile(text, "cell 1", "exec"), names)
    return names


def test_an_exception_is_told_with_the_line_of_the_cell_that_raised_it(capsys):
    names = cell("def helper(n):\n    return n[5]\n\ndef mine(n):\n    return helper([n])\n")
    assert said(capsys, twice, names["mine"]) == (
        "no: it raised IndexError: list index out of range\n    line 2 of the cell, in helper\n"
    )
    names = cell("\n\ndef mine(n):\n    return np.zeros(2) @ np.zeros(3)\n")
    assert "line 4 of the cell, in mine" in said(capsys, twice, names["mine"])


def test_where_the_source_is_known_the_line_is_shown(capsys):
    def mine(n):
        return [][n]

    assert "in mine: return [][n]\n" in said(capsys, twice, mine)


def test_a_recursion_without_an_end_is_told_in_two_lines(capsys):
    names = cell("def mine(n):\n    return mine(n) + 1\n")
    lines = said(capsys, twice, names["mine"]).splitlines()
    assert lines[0].startswith("no: it raised RecursionError: it calls itself until")
    assert lines[1:] == ["    line 2 of the cell, in mine"]


@pytest.mark.parametrize("text", ["x" * 465_684, "\n".join("line" for _ in range(5000))])
def test_however_long_a_message_is_a_few_short_lines_are_shown(capsys, text):
    def mine(n):
        raise ValueError(text)

    lines = said(capsys, twice, mine).splitlines()
    assert len(lines) <= 6 and max(map(len, lines)) < 320 and lines[-1].startswith(("...", "    "))
    assert "in mine" in lines[-1] or lines[-1] == "..."

    @check
    def long() -> str:
        raise No(text)

    assert len(said(capsys, long)) < 1500


@check
def pair(function) -> str:
    """pair(n) -> (n, n)."""
    a, b = function(3)
    return f"{a}, {b}"


def test_what_returns_nothing_is_asked_for_its_return(capsys):
    mine = cell("def mine(n):\n    n, n\n")["mine"]
    assert said(capsys, pair, mine) == "no: mine returned None: is there no return?\n"


def test_what_cannot_be_used_is_told_with_what_is_asked_for(capsys):
    mine = cell("def mine(n):\n    return n\n")["mine"]
    assert said(capsys, pair, mine) == (
        "no: what it returns cannot be used: TypeError: cannot unpack non-iterable int object\n"
        "    asked for: pair(n) -> (n, n).\n"
    )


def test_what_is_not_as_expected_is_said_and_stops_nothing(capsys):
    expect(np.bool_(True), "three is a number")
    assert capsys.readouterr().out == ""
    expect(3 > 5, "three is more than five")
    assert capsys.readouterr().out == (
        "no: this should be true, but is not: three is more than five\n"
    )
