"""A network's run in steps: its layers at work, and the operations between them, in their order.

An operation that a net calls as a function, such as `F.relu` or the sum of a residual block, is a
step like a layer. What a layer does inside is part of its own step, and an operation that only
moves or copies numbers is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..autograd.array_function import ArrayFunction
from ..tensor import Tensor
from ..tensor.movement import Cast, Clone, Move
from .fields import ancestors
from .trace import Call, Trace
from .watch import is_nonlinearity, rectifies

MOVING = (Cast, Clone, Move)


class Step(NamedTuple):
    """A layer's call, or an operation outside of all layers, whose `call` is None.

    sources: the steps whose outputs it takes, counted from 1; 0 is the image. origin: what made its
    output. blocks: the calls of modules around it, the outermost first, without the model's own.
    nonlinear: whether it is an activation function. ended: see `Trace`.
    """

    name: str
    type: str
    call: Call | None
    sources: list[int]
    origin: ArrayFunction | Tensor
    blocks: list[Call]
    nonlinear: bool
    ended: int


def steps(run: Trace, layers: list[Call]) -> list[Step]:
    """The steps of a run of which `layers` are the layers' calls, in the order of their ends."""
    found: list[Step] = []
    place: dict[ArrayFunction | Tensor, int] = {run.x: 0}
    alive = set(ancestors([run.calls[-1].origin, *(call.origin for call in layers)]))
    names: Counter[str] = Counter()
    own = {id(call) for call in layers}
    open_: list[Call] = []
    within: list[ArrayFunction] | None = None  # what the layer at work has recorded
    for time, item in _in_order(run):
        if isinstance(item, ArrayFunction):
            if within is not None:
                within.append(item)
            elif item in alive:
                sources = _read([item], place)
                if sources and (len(sources) > 1 or not _moves(item)):
                    found.append(_operation(item, sources, open_, names, time))
                    sources = [len(found)]
                if sources:
                    (place[item],) = sources
        elif time == item.began:
            open_.append(item)
            if id(item) in own:
                within = []
        else:
            open_.pop()
            if id(item) in own:
                sources = _read([*(within or ()), item.origin], place)
                found.append(_layer(item, within or [], sources, open_))
                place |= dict.fromkeys([*(within or ()), item.origin], len(found))
                within = None
    return found


def _in_order(run: Trace) -> Iterable[tuple[int, Call | ArrayFunction]]:
    """Operations, and calls where they begin and where they end, with their times."""
    events = [(time, node) for node, time in run.times.items()]
    events += [(time, call) for call in run.calls for time in (call.began, call.ended)]
    return sorted(events, key=lambda event: event[0])


def _read(nodes: Iterable[ArrayFunction | Tensor], place: dict) -> list[int]:
    """The steps whose outputs `nodes` take, or hand on as they are."""
    found: dict[int, None] = {}
    for node in nodes:
        if node in place:
            found[place[node]] = None
        elif isinstance(node, ArrayFunction):
            taken = (source for source, _ in filter(None, node.edges))
            found |= dict.fromkeys(place[source] for source in taken if source in place)
    return list(found)


def _moves(node: ArrayFunction) -> bool:
    return node.is_view or isinstance(node, MOVING)


def _operation(
    node: Any, sources: list[int], around: list[Call], names: Counter, time: int
) -> Step:
    kind = type(node).__name__
    blocks = [call for call in around if call.name]
    name = f"{blocks[-1].name}.{kind.lower()}" if blocks else kind.lower()
    names[name] += 1
    if names[name] > 1:
        name = f"{name}_{names[name] - 1}"
    nonlinear = is_nonlinearity([node])
    if rectifies(node) and not nonlinear:
        kind += " and ReLU"
    return Step(name, kind, None, sources, node, blocks, nonlinear, time)


def _layer(call: Call, within: list, sources: list[int], around: list[Call]) -> Step:
    kind = type(call.module).__name__
    nonlinear = is_nonlinearity(within)
    if not nonlinear and any(rectifies(node) for node in within):
        kind += " and ReLU"
    blocks = [outer for outer in around if outer.name]
    name = call.name or type(call.module).__name__
    return Step(name, kind, call, sources, call.origin, blocks, nonlinear, call.ended)


def followed_by(found: list[Step]) -> dict[int, str]:
    """Which activation functions the outputs of layers go through, by the layer's step.

    Where branches meet first, as before the ReLU of a residual block, the layer is the last that
    ran before, and the operations between are named: "Add, ReLU".
    """
    # Of each step the layer that it goes back to, and the operations since.
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
