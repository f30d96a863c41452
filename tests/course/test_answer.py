import numpy as np
import pytest

from minitorch_cnn.course.answer import No, check, compare
from minitorch_cnn.tensor import tensor


@pytest.mark.parametrize(
    "error, printed",
    [
        (No("too small"), "no: too small\n"),
        (NotImplementedError("your turn"), "no: it raised NotImplementedError: your turn\n"),
    ],
)
def test_what_raises_is_answered_with_no(capsys, error, printed):
    @check
    def question(value):
        raise value

    assert question(error) is None
    assert capsys.readouterr().out == printed


def test_what_returns_is_answered_with_yes(capsys):
    check(lambda: "it is so")()
    assert capsys.readouterr().out == "yes: it is so\n"


def test_equal_arrays_compare_and_tensors_count_as_arrays():
    compare(np.array([1.0, 2.0]), tensor([1.0, 2.0]), "y")
    compare(np.array([1e6 + 1e-4]), np.array([1e6]), "y")


@pytest.mark.parametrize(
    "mine, reason",
    [
        (None, "returned None"),
        (np.zeros(3), r"shape \(3,\), it should have \(2,\)"),
        (np.array([1.0, np.nan]), "not finite"),
        (np.array([1.0, 2.5]), r"most of all at index \(1,\), by 0.5"),
    ],
)
def test_other_arrays_do_not(mine, reason):
    with pytest.raises(No, match=reason):
        compare(mine, np.array([1.0, 2.0]), "y")
