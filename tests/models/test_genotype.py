"""Genotypes are data: JSON holds them, and what is none is refused with the reason."""

import json
from dataclasses import FrozenInstanceError, asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.models.genotype import CellGenotype, Genotype, Node
from minitorch_cnn.models.nasnet import NASNET_A
from minitorch_cnn.models.operations import OPERATIONS

NODE = (0, "identity", 1, "conv_1x1")


@st.composite
def cells(draw):
    """A cell of up to four nodes, with every state that no node takes in its output, or more."""
    nodes = []
    for i in range(draw(st.integers(1, 4))):
        side = st.tuples(st.integers(0, 1 + i), st.sampled_from(list(OPERATIONS)))
        nodes.append(draw(side) + draw(side))
    loose = CellGenotype(nodes).concat
    others = [s for s in range(2 + len(nodes)) if s not in loose]
    more = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    return CellGenotype(nodes, draw(st.permutations([*loose, *more])))


@given(cells(), cells())
@settings(max_examples=50, deadline=None)
def test_json_holds_a_genotype(normal, reduction):
    genotype = Genotype(normal, reduction)
    again = Genotype.from_json(genotype.to_json())
    assert again == genotype and hash(again) == hash(genotype)
    assert Genotype.from_dict(asdict(genotype)) == genotype
    assert again.normal.nodes[0].first_operation == normal.nodes[0][1]


def test_the_text_of_a_genotype_says_what_its_cells_are():
    data = json.loads(NASNET_A.to_json())
    assert data["normal"]["nodes"][0] == [0, "separable_5x5", 1, "separable_3x3"]
    assert data["reduction"]["concat"] == [3, 4, 5, 6]


def test_the_output_has_all_states_that_no_node_takes_unless_told():
    for cell, loose in ((NASNET_A.normal, (2, 3, 4, 5, 6)), (NASNET_A.reduction, (4, 5, 6))):
        assert CellGenotype(cell.nodes).concat == loose  # one fewer than NASNet-A has
    nodes = [(0, "identity", 0, "conv_1x1"), (0, "identity", 0, "conv_3x3")]
    assert CellGenotype(nodes).concat == (1, 2, 3)
    assert CellGenotype(nodes, [3, 2]).concat == (3, 2)


def test_a_cell_knows_which_states_it_uses():
    cell = CellGenotype([(0, "identity", 0, "conv_1x1")], [2])
    assert cell.taken == {0} and [cell.uses(state) for state in (0, 1, 2)] == [True, False, True]


def test_a_genotype_stays_what_it_is():
    with pytest.raises(FrozenInstanceError):
        NASNET_A.normal = NASNET_A.reduction
    cell = CellGenotype([list(NODE)])
    assert cell.nodes == (Node(*NODE),) and isinstance(cell.concat, tuple)


@pytest.mark.parametrize(
    ("nodes", "concat", "words"),
    [
        ([], None, r"^CellGenotype: nodes=\[\] must be a list of one or more"),
        (3, None, "nodes=3 must be a list"),
        ([(0, "identity", 1)], None, r"nodes\[0\]=\(0, 'identity', 1\) must be \(state, operation"),
        (["four"], None, r"nodes\[0\]='four' must be"),
        ([NODE, (3, "identity", 0, "identity")], None, r"nodes\[1\] takes state 3, .* from 0 to 2"),
        ([(-1, "identity", 0, "identity")], None, r"nodes\[0\] takes state -1, .* from 0 to 1"),
        ([(True, "identity", 0, "identity")], None, "takes state True"),
        ([("0", "identity", 0, "identity")], None, "takes state '0'"),
        (
            [(0, "sep_3x3", 0, "identity")],
            None,
            r"nodes\[0\] has operation 'sep_3x3', .* dilated_3",
        ),
        ([(0, "identity", 0, ["identity"])], None, r"has operation \['identity'\]"),
        ([NODE], [], r"concat=\[\] must be a list of states from 0 to 2"),
        ([NODE], [3], r"concat=\[3\] must be a list of states from 0 to 2"),
        ([NODE], [2, 2], r"concat=\[2, 2\] must not have a state twice"),
        ([NODE], 2, "concat=2 must be a list"),
        ([NODE, NODE], [3], r"nodes\[0\] makes state 2, which no node takes and concat=\[3\] does"),
    ],
)
def test_what_is_no_cell_is_refused(nodes, concat, words):
    with pytest.raises(ValueError, match=words):
        CellGenotype(nodes, concat)


CELL = {"nodes": [NODE]}


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ([CELL, CELL], TypeError, "from_dict: the genotype must be a dictionary, got list"),
        (
            {"normal": CELL},
            ValueError,
            r"keys \['normal'\], they must be \['normal', 'reduction'\]",
        ),
        ({"normal": CELL, "reduction": [NODE]}, TypeError, "the reduction cell must be a dict"),
        ({"normal": CELL | {"x": 1}, "reduction": CELL}, ValueError, r"the normal cell has .*'x'"),
        ({"normal": {"concat": [2]}, "reduction": CELL}, ValueError, r"has the keys \['concat'\]"),
        (
            {"normal": CELL, "reduction": {"nodes": [(0, "x", 0, "x")]}},
            ValueError,
            r"^Genotype.from_dict: in the reduction cell, CellGenotype: nodes\[0\] has operation",
        ),
    ],
)
def test_a_dictionary_of_another_form_is_refused(data, error, words):
    with pytest.raises(error, match=words):
        Genotype.from_dict(data)
    with pytest.raises(error, match=words):
        Genotype.from_json(json.dumps(data))


def test_a_text_that_is_not_json_is_refused():
    with pytest.raises(ValueError, match=r"^Genotype.from_json: the text is not JSON \(Expecting"):
        Genotype.from_json("{normal")


def test_a_genotype_has_two_cells():
    with pytest.raises(TypeError, match="Genotype: reduction must be a CellGenotype, got dict"):
        Genotype(NASNET_A.normal, CELL)
