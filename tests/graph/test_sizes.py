"""Free sizes compute with numbers, and know what they do not know."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph import UNKNOWN, Free, Graph, Node, Value, infer
from minitorch_cnn.graph.sizes import agree, product, text_of

N, M = Free("N"), Free("M")
SIZES = (N, 2 * N, N + 1, 4 * N + 6, 6 * N - 2)


@pytest.mark.parametrize("value", [1, 2, 7])
@pytest.mark.parametrize("a", SIZES)
@pytest.mark.parametrize("b", [*SIZES, 2, 3])
def test_free_sizes_compute_as_their_values(a, b, value):
    def at(size):
        return size.times * value + size.plus if isinstance(size, Free) else size

    for result, expected in (
        (a + b, at(a) + at(b)), (b + a, at(a) + at(b)), (a - b, at(a) - at(b)),
        (b - a, at(b) - at(a)), (a * b, at(a) * at(b)), (b * a, at(a) * at(b)),
        (a // b, at(a) // at(b)), (b // a, at(b) // at(a)),
    ):  # fmt: skip
        assert result is UNKNOWN or at(result) == expected


def test_what_has_no_form_is_unknown():
    assert N + M == N * M == N // 2 == UNKNOWN + 1 == UNKNOWN
    assert 4 * N // 2 == 2 * N and N - N == 0 and N * 0 == 0 and 2 * N // N == 2


def test_sizes_are_printed():
    assert text_of((N, 2 * N, N + 1, 3)) == "(N, 2*N, N+1, 3)"
    assert text_of((5,)) == "(5,)" and text_of(None) == "?"
    assert product((2, N, 3)) == 6 * N and agree(UNKNOWN, 3) and not agree(N, 3)


def test_nothing_follows_from_two_unknown_sizes():
    assert UNKNOWN // UNKNOWN == UNKNOWN and UNKNOWN // 2 == UNKNOWN


def test_axes_that_a_reshape_keeps_do_not_count_in_the_rest():
    node = Node("Reshape", ("x", "to"), ("y",), name="reshape")
    x = Value("x", mt.float32, (UNKNOWN, UNKNOWN, 2, 512))
    graph = Graph([node], [x], [Value("y")], {"to": mt.tensor([0, 0, -1])})
    assert infer(graph).outputs[0].shape == (UNKNOWN, UNKNOWN, 1024)
