"""Cells as data: an architecture search proposes them and `nasnet` builds a network from them.

A cell starts from two states: 0, the output of the previous cell, and 1, the output of the cell
before that. Its node i computes state 2 + i: it applies an operation to each of two earlier states
and adds the results. The output of the cell is the concatenation of some of its states along the
channels. A genotype is two such cells, one that keeps the size of images and one that halves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..spelling import one_of
from .operations import OPERATIONS


class Node(NamedTuple):
    """first_operation(state first) + second_operation(state second)"""

    first: int
    first_operation: str
    second: int
    second_operation: str

    @property
    def sides(self) -> tuple[tuple[str, int, str], tuple[str, int, str]]:
        """("left" or "right", state, operation) of both inputs."""
        return ("left", *self[:2]), ("right", *self[2:])


@dataclass(frozen=True)
class CellGenotype:
    """A cell.

    nodes: (state, operation, state, operation) of each, the operations by their names in
    `operations.OPERATIONS`. concat: the states of the output; None stands for all that no node
    uses, including the cell's inputs.

    Raises: TypeError or ValueError for an invalid cell, and for a node whose state is never used.

        CellGenotype([(0, "separable_3x3", 1, "identity"), (2, "max_pool_3x3", 0, "conv_1x1")])
    """

    nodes: Sequence[Any]  # a tuple of Nodes, once checked
    concat: Any = None  # a tuple, once checked

    def __post_init__(self) -> None:
        if not _is_list(self.nodes) or not self.nodes:
            raise ValueError(f"CellGenotype: nodes={self.nodes!r} must be a list of one or more")
        nodes = tuple(_checked_node(i, node) for i, node in enumerate(self.nodes))
        object.__setattr__(self, "nodes", nodes)
        states, concat = range(2 + len(nodes)), self.concat
        if concat is None:
            concat = [state for state in states if state not in self.taken]
        if not _is_list(concat) or not concat or not all(_is_state(s, states) for s in concat):
            raise ValueError(
                f"CellGenotype: concat={concat!r} must be a list of states from 0 to {states[-1]}"
            )
        if len(set(concat)) < len(concat):
            raise ValueError(f"CellGenotype: concat={concat!r} must not have a state twice")
        object.__setattr__(self, "concat", tuple(concat))
        for state in states[2:]:
            if not self.uses(state):
                raise ValueError(
                    f"CellGenotype: nodes[{state - 2}] makes state {state}, which no node takes "
                    f"and concat={concat!r} does not have"
                )

    @property
    def taken(self) -> frozenset[int]:
        """The states that nodes use."""
        return frozenset(state for node in self.nodes for _, state, _ in node.sides)

    def uses(self, state: int) -> bool:
        """Whether a node or the output uses a state."""
        return state in self.taken or state in self.concat


@dataclass(frozen=True)
class Genotype:
    """The two cells of a network: `normal` keeps the size of images, `reduction` halves it.

    Raises: TypeError unless both are cells.
    """

    normal: CellGenotype
    reduction: CellGenotype

    def __post_init__(self) -> None:
        for name in ("normal", "reduction"):
            if not isinstance(getattr(self, name), CellGenotype):
                raise TypeError(
                    f"Genotype: {name} must be a CellGenotype, got "
                    f"{type(getattr(self, name)).__name__}"
                )

    def to_json(self) -> str:
        """The text from which `from_json` makes an equal genotype.

        {"normal": {"nodes": [[0, "identity", 1, "conv_1x1"], ...], "concat": [2, ...]},
         "reduction": ...}
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Genotype:
        """Parse the text that `to_json` made.

        Raises: ValueError for invalid JSON, TypeError or ValueError as `from_dict`.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Genotype.from_json: the text is not JSON ({error})") from None
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Mapping) -> Genotype:
        """Make a genotype from the dict of `dataclasses.asdict` or of JSON; concat is optional.

        Raises: TypeError or ValueError for a dictionary of another form, naming the cell.
        """
        _check_keys("the genotype", data, {"normal", "reduction"}, {"normal", "reduction"})
        cells = {}
        for name, cell in data.items():
            _check_keys(f"the {name} cell", cell, {"nodes", "concat"}, {"nodes"})
            try:
                cells[name] = CellGenotype(**cell)
            except ValueError as error:
                raise ValueError(f"Genotype.from_dict: in the {name} cell, {error}") from None
        return cls(**cells)


def _check_keys(what: str, data: Any, known: set[str], needed: set[str]) -> None:
    if not isinstance(data, Mapping):
        raise TypeError(
            f"Genotype.from_dict: {what} must be a dictionary, got {type(data).__name__}"
        )
    if not needed <= data.keys() <= known:
        raise ValueError(
            f"Genotype.from_dict: {what} has the keys {sorted(map(str, data))}, they must be "
            f"{sorted(known)}"
        )


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_state(value: Any, states: range) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in states


def _checked_node(i: int, node: Any) -> Node:
    """Node i of a cell, with earlier states and known operations."""
    if not _is_list(node) or len(node) != 4:
        raise ValueError(
            f"CellGenotype: nodes[{i}]={node!r} must be (state, operation, state, operation)"
        )
    node, states = Node(*node), range(2 + i)
    for _, state, operation in node.sides:
        if not _is_state(state, states):
            raise ValueError(
                f"CellGenotype: nodes[{i}] takes state {state!r}, it must be from 0 to {states[-1]}"
            )
        if operation not in tuple(OPERATIONS):
            rule = one_of(operation, OPERATIONS)
            raise ValueError(f"CellGenotype: nodes[{i}] has operation {operation!r}, it {rule}")
    return node
