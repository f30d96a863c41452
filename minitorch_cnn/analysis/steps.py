"""A network's run as steps: its layers and the functions between them, in order of execution.

A function that a net calls, such as `F.relu` or the sum of a residual block, is a step, as a layer
is. Nodes inside a layer belong to its step; moves and copies of numbers are not steps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from .. import nn
from ..graph import Graph, Node
from ..graph.places import Place
from .trace import Call, Trace

MOVES = {"Cast", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze",
         "Transpose", "Unsqueeze"}  # fmt: skip
LINEAR = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"}
CURVED = {"Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "LogSoftmax", "Mish", "PRelu",
          "Relu", "Selu", "Shrink", "Sigmoid", "Softmax", "Softplus", "Tanh"}  # fmt: skip
LAYERS = {name.lower(): name for name in dir(nn) if name[:1].isupper()}


class Step(NamedTuple):
    """A layer's call, or a function's outside all layers, whose `call` is None.

    sources: the steps whose outputs it uses, counted from 1; 0 is an input. value: the name of its
    output. blocks: the calls of modules around it, the outermost first, without the model's own.
    nonlinear: whether it is an activation function.
    """

    name: str
    type: str
    call: Call | None
    sources: list[int]
    value: str
    blocks: list[Call]
    nonlinear: bool


class Group(NamedTuple):
    """The nodes that one call of a function recorded, one after the other."""

    place: Place
    nodes: list[Node]

    @property
    def title(self) -> str:
        """The function's name; that of the operator if it is not known."""
        return self.place.function or self.nodes[-1].operator.lower()

    @property
    def type(self) -> str:
        """The name in class form: that of the corresponding layer or operator, if there is one."""
        if self.place.own:
            return self.place.function
        plain = self.title.removesuffix("_relu").replace("_", "").lower()
        if plain in LAYERS:
            return LAYERS[plain]
        operators = [node.operator for node in self.nodes if node.operator not in MOVES]
        if len(operators) == 1 and operators[0].lower() == plain:
            return operators[0]
        return "".join(part[:1].upper() + part[1:] for part in self.title.split("_"))

    def only_moves(self) -> bool:
        """Whether it only moves or copies numbers, and has no corresponding layer."""
        return not self.place.layerlike and all(node.operator in MOVES for node in self.nodes)


def rectifies(node: Node) -> bool:
    """Whether a node ends in max(y, 0): a ReLU or a ReLU6."""
    return node.operator == "Relu" or is_bounded(node)


def is_bounded(node: Node) -> bool:
    """Whether a node bounds from both sides."""
    return node.operator == "Clip" and len(node.inputs) == 3 and "" not in node.inputs


def is_nonlinearity(nodes: list[Node]) -> bool:
    """Whether these nodes together compute an activation function and not a layer with weights:
    rectifiers, logistic functions, softmax, and combinations of them.
    """
    operators = [node.operator for node in nodes]
    if LINEAR & set(operators):
        return False
    # A lone bound rectifies; one among other operations may only keep a divisor from 0.
    return bool(CURVED & set(operators)) or operators == ["Clip"] or any(map(is_bounded, nodes))


def steps(run: Trace, layers: list[Call]) -> list[Step]:
    """The steps of a run whose layer calls are `layers`, in the order in which they ended."""
    found: list[Step] = []
    place: dict[str, int] = {value.name: 0 for value in run.graph.inputs}
    wanted = [value.name for value in run.graph.outputs]
    alive = ancestors(run.graph, [*wanted, *(y for call in layers for y in call.outputs)])
    names: Counter[str] = Counter()
    own = {id(call) for call in layers}
    open_: list[Call] = []
    within: list[Node] | None = None  # the nodes of the current layer
    for time, item in _in_order(run):
        if isinstance(item, Group):
            if within is not None:
                within.extend(item.nodes)
            elif any(node.name in alive for node in item.nodes):
                sources = _read(item.nodes, place)
                if sources and (len(sources) > 1 or not item.only_moves()):
                    found.append(_function(item, sources, open_, names))
                    sources = [len(found)]
                if sources:
                    place |= dict.fromkeys(_made(item.nodes), sources[0])
        elif time == item.began:
            open_.append(item)
            if id(item) in own and within is None:
                within = []
        else:
            open_.pop()
            if id(item) in own:
                handed = [place[name] for name in item.inputs if name in place]
                hands_on = not within or bool(set(item.inputs) & set(item.outputs))
                sources = [*_read(within or [], place), *(handed if hands_on else [])]
                sources = list(dict.fromkeys(sources))
                found.append(_layer(item, within or [], sources, open_))
                made = [*_made(within or []), *item.outputs]
                place |= dict.fromkeys(made, len(found))
                within = None
    return found


def ancestors(graph: Graph, values: Iterable[str]) -> set[str]:
    """The names of the nodes that these values derive from."""
    wanted, found = set(values), set()
    for node in reversed(graph.nodes):
        if wanted & set(node.outputs):
            found.add(node.name)
            wanted |= set(node.inputs)
    return found


def _in_order(run: Trace) -> Iterator[tuple[int, Call | Group]]:
    """Calls of functions, and the beginnings and ends of module calls."""
    marks = sorted(time for call in run.calls for time in (call.began, call.ended))
    events: list[tuple[int, Call | Group]] = []
    known = [(run.places[n.name], n) for n in run.graph.nodes if n.name in run.places]

    def key(item: tuple[Place, Node]) -> tuple[int, int, str]:
        at = item[0]
        return bisect_left(marks, at.time), at.call, at.function

    for _, members in groupby(known, key):
        group = list(members)
        events.append((group[0][0].time, Group(group[0][0], [node for _, node in group])))
    events += [(time, call) for call in run.calls for time in (call.began, call.ended)]
    yield from sorted(events, key=lambda event: event[0])


def _made(nodes: Iterable[Node]) -> list[str]:
    return [name for node in nodes for name in node.outputs]


def _read(nodes: Iterable[Node], place: dict[str, int]) -> list[int]:
    """The steps whose outputs `nodes` use."""
    taken = (name for node in nodes for name in node.inputs)
    return list(dict.fromkeys(place[name] for name in taken if name in place))


def _function(group: Group, sources: list[int], around: list[Call], names: Counter) -> Step:
    blocks = [outer for outer in around if outer.name]
    name = f"{blocks[-1].name}.{group.title.lower()}" if blocks else group.title.lower()
    names[name] += 1
    if names[name] > 1:
        name = f"{name}_{names[name] - 1}"
    nonlinear, kind = is_nonlinearity(group.nodes), group.type
    if not nonlinear and any(map(rectifies, group.nodes)):
        kind += " and ReLU"
    return Step(name, kind, None, sources, group.nodes[-1].outputs[0], blocks, nonlinear)


def _layer(call: Call, within: list[Node], sources: list[int], around: list[Call]) -> Step:
    kind = type(call.module).__name__
    nonlinear = is_nonlinearity(within)
    if not nonlinear and any(rectifies(node) for node in within):
        kind += " and ReLU"
    blocks = [outer for outer in around if outer.name]
    name = call.name or type(call.module).__name__
    value = call.outputs[0] if call.outputs else ""
    return Step(name, kind, call, sources, value, blocks, nonlinear)


def followed_by(found: list[Step]) -> dict[int, str]:
    """The activation functions applied to the outputs of layers, by the layer's step.

    Where branches meet first, as before the ReLU of a residual block, the result belongs to the
    last layer that ran before it, and names the operations between: "Add, ReLU".
    """
    # For each step, the layer that it derives from and the operations since.
    behind: dict[int, tuple[int, list[str]]] = {0: (0, [])}
    told: dict[int, list[list[str]]] = {}
    for k, step in enumerate(found, 1):
        passed = step.call is None or (step.nonlinear and not list(step.call.module.parameters()))
        if not passed or not step.sources:
            behind[k] = k, []
            continue
        layer, since = max((behind[s] for s in step.sources), key=lambda way: way[0])
        behind[k] = layer, [*since, step.type]
        if step.nonlinear:
            chains = told.setdefault(layer, [])
            chains[:] = [c for c in chains if behind[k][1][: len(c)] != c] + [behind[k][1]]
    return {
        layer: "; ".join(", ".join(chain) for chain in chains) for layer, chains in told.items()
    }
