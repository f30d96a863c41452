import numpy as np
import pytest

from minitorch_cnn.course.compare import No, compare, compare_all
from minitorch_cnn.tensor import tensor

RIGHT = np.random.default_rng(0).standard_normal((3, 4))
SQUARE = np.random.default_rng(1).standard_normal((2, 3, 3))


def test_equal_arrays_compare_and_tensors_count_as_arrays():
    compare(np.array([1.0, 2.0]), tensor([1.0, 2.0]), "y")
    compare(np.array([1e6 + 1e-4]), np.array([1e6]), "y")
    compare(7, 7, "y")
    compare([], [], "y")


@pytest.mark.parametrize(
    "mine, reason",
    [
        (None, "y: the function returned None"),
        (np.array(["a"]), "y holds <U1 values, not numbers"),
        (np.zeros(3), r"y has shape \(3,\), it should have \(3, 4\)$"),
        (RIGHT.T, r"\(4, 3\), it should have \(3, 4\): the axes are in another order"),
        (RIGHT[:2], r": one too small along axis 0"),
        (np.pad(RIGHT, ((0, 1), (0, 1))), r": one too large along axis 0 and 1"),
        (RIGHT[None], r": an axis of length 1 is left"),
        (np.where(RIGHT > 0, np.nan, RIGHT), "y has values that are not finite"),
        (0 * RIGHT, "y is zero everywhere"),
        (-RIGHT, "y has the wrong sign"),
        (0.5 * RIGHT, "y is 0.5 times what it should be"),
        (RIGHT + 3, "y is off by 3 everywhere"),
        (RIGHT[::-1], "y is in reverse order along axis 0"),
        (RIGHT[:, ::-1], "y is in reverse order along axis 1"),
    ],
)
def test_how_an_array_is_wrong_is_described(mine, reason):
    with pytest.raises(No, match=reason):
        compare(mine, RIGHT, "y")


def test_axes_of_one_length_that_are_swapped_are_named():
    with pytest.raises(No, match="y has its axes 1 and 2 swapped"):
        compare(SQUARE.swapaxes(1, 2), SQUARE, "y")


def test_what_nothing_explains_is_counted_and_located():
    mine = RIGHT.copy()
    mine[1, 2] += 0.5
    mine[2, 2] += 0.25
    with pytest.raises(No, match=r"in 2 of 12 numbers, most at index \(1, 2\), by 0.5"):
        compare(mine, RIGHT, "y")


def test_a_single_number_is_shown():
    with pytest.raises(No, match=r"y is 6, which is wrong by 1"):
        compare(6, 7, "y")


def test_a_usual_mistake_is_named_and_never_what_is_right():
    mistakes = [("the same", RIGHT), ("the square", lambda: RIGHT**2), ("too small", RIGHT[:2])]
    compare(RIGHT, RIGHT, "y", mistakes=mistakes)
    with pytest.raises(No, match="the square"):
        compare(RIGHT**2, RIGHT, "y", mistakes=mistakes)
    with pytest.raises(No, match="too small"):
        compare(RIGHT[:2], RIGHT, "y", mistakes=mistakes)


def halved(n, k):
    return n * k / 2


def test_a_mistake_that_explains_all_cases_is_named():
    cases = [(2, 3), (4, 4), (1, 7)]
    mistakes = [("n is left out", lambda n, k: k / 2), ("k is left out", lambda n, k: n / 2)]
    compare_all(halved, cases, halved, "half of {}", mistakes)
    with pytest.raises(No, match="k is left out"):
        compare_all(lambda n, k: n / 2, cases, halved, "half of {}", mistakes)


def test_what_no_mistake_explains_is_told_with_its_case():
    with pytest.raises(No, match=r"half of \(4, 4\) is 16, which is wrong by 8"):
        compare_all(lambda n, k: 3.0 if k == 3 else n * k, [(2, 3), (4, 4)], halved, "half of {}")


def test_arrays_are_no_numbers():
    with pytest.raises(No, match=r"half of \(2, 3\) is not a number: it has shape \(2,\)"):
        compare_all(lambda n, k: [n, k], [(2, 3)], halved, "half of {}")
