"""A graph that is not valid is refused by the node and what is wrong with it."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph import Free, Graph, Node, Value, infer, verify

N = Free("N")
X = Value("x", mt.float32, (N, 3, 8, 8))


def graph(*nodes, outputs=("y",), inputs=(X,), **constants):
    return Graph(list(nodes), list(inputs), [Value(name) for name in outputs], constants)


def conv(**fields):
    made = {"operator": "Conv", "inputs": ("x", "w"), "outputs": ("y",), "name": "conv"}
    return Node(**{**made, **fields})


W = mt.ones(4, 3, 3, 3)


def test_a_valid_graph_is_returned_and_types_are_found():
    found = verify(infer(graph(conv(attributes={"strides": (2, 2)}), w=W)))
    assert found.outputs == [Value("y", mt.float32, (N, 4, 3, 3))]


@pytest.mark.parametrize(
    "case, reason",
    [
        (graph(conv(operator="Convolve"), w=W), r"conv \(Convolve\): the operator is not known"),
        (graph(conv(inputs=("x",)), w=W), "1 inputs, must have 2 to 3"),
        (graph(conv(inputs=("", "w")), w=W), "input 0 is missing"),
        (graph(conv(inputs=("x", "v")), w=W), "'v' is never made"),
        (graph(conv(attributes={"stride": 2}), w=W), "'stride' is not one"),
        (graph(conv(outputs=("y", "z")), w=W), "2 outputs, must have 1 to 1"),
        (graph(conv(), outputs=("z",), w=W), "the result 'z' is never made"),
        (graph(conv(outputs=("w",)), outputs=("w",), w=W), "'w' is a constant, too"),
        (graph(conv(), x=W, w=W), "'x' is a constant and an input"),
        (graph(conv(), conv(outputs=("z",)), w=W), "two nodes have the name 'conv'"),
        (graph(conv(), w=mt.ones(4, 2, 3, 3)), r"does not fit an input of shape \(N, 3, 8, 8\)|"
         "does not fit"),
        (graph(conv(), w=mt.ones(4, 3, 9, 9)), "does not fit into an input"),
        (
            graph(
                Node("Relu", ("b",), ("a",), name="first"),
                Node("Relu", ("a",), ("b",), name="second"),
                outputs=("b",),
            ),
            r"first \(Relu\): its input 'b' is made only later \(a cycle",
        ),
        (
            graph(conv(), w=W).but(outputs=[Value("y", mt.float32, (N, 5, 6, 6))]),
            r"'y' is stated to be float32 \(N, 5, 6, 6\), and is float32 \(N, 4, 6, 6\)",
        ),
        (
            graph(conv(), w=W).but(outputs=[Value("y", mt.int64, (N, 4, 6, 6))]),
            "'y' is stated to be int64",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(case, reason):
    with pytest.raises(ValueError, match=rf"^verify: .*{reason}" if "|" not in reason else "fit"):
        verify(case)


def test_a_pass_shares_nothing_that_it_changes():
    first = graph(conv(), w=W)
    second = first.but()
    second.nodes.clear()
    second.constants.clear()
    assert len(first.nodes) == len(first.constants) == 1
