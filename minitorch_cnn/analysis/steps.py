"""A network's run as steps: its layers and the functions between them, in order of execution.

A function that a net calls, such as `F.relu` or the sum of a residual block, is a step, as a layer
is. Operations inside a layer belong to its step; moves and copies of numbers are not steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from ..autograd.array_function import ArrayFunction
from ..tensor import Tensor
from .fields import ancestors
from .function_calls import FunctionCall, Time
from .trace import Call, Trace
from .watch import is_nonlinearity, rectifies


class Step(NamedTuple):
    """A layer's call, or a function's outside all layers, whose `call` is None.

    sources: the steps whose outputs it uses, counted from 1; 0 is the image. origin: the node of
    its output. blocks: the calls of modules around it, the outermost first, without the model's
    own. nonlinear: whether it is an activation function. time: when it ended.
    """

    name: str
    type: str
    call: Call | None
    sources: list[int]
    origin: ArrayFunction | Tensor
    blocks: list[Call]
    nonlinear: bool
    time: Time


def steps(run: Trace, layers: list[Call]) -> list[Step]:
    """The steps of a run whose layer calls are `layers`, in the order in which they ended."""
    found: list[Step] = []
    place: dict[ArrayFunction | Tensor, int] = {run.x: 0}
    alive = set(ancestors([run.calls[-1].origin, *(call.origin for call in layers)]))
    names: Counter[str] = Counter()
    own = {id(call) for call in layers}
    open_: list[Call] = []
    within: list[ArrayFunction] | None = None  # the operations of the current layer
    for time, item in _in_order(run):
        if isinstance(item, FunctionCall):
            if within is not None:
                within.extend(item.nodes)
            elif not alive.isdisjoint(item.nodes):
                sources = _read(item.nodes, place)
                if sources and (len(sources) > 1 or not item.only_moves()):
                    found.append(_function(item, sources, open_, names))
                    sources = [len(found)]
                if sources:
                    place |= dict.fromkeys(item.nodes, sources[0])
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


def _in_order(run: Trace) -> Iterable[tuple[Time, Call | FunctionCall]]:
    """Calls of functions, and the beginnings and ends of module calls."""
    events: list[tuple[Time, Call | FunctionCall]] = [(call.time, call) for call in run.functions]
    events += [(time, call) for call in run.calls for time in (call.began, call.ended)]
    return sorted(events, key=lambda event: event[0])


def _read(nodes: Iterable[ArrayFunction | Tensor], place: dict) -> list[int]:
    """The steps whose outputs `nodes` use or pass on unchanged."""
    found: dict[int, None] = {}
    for node in nodes:
        if node in place:
            found[place[node]] = None
        elif isinstance(node, ArrayFunction):
            taken = (source for source, _ in filter(None, node.edges))
            found |= dict.fromkeys(place[source] for source in taken if source in place)
    return list(found)


def _function(call: FunctionCall, sources: list[int], around: list[Call], names: Counter) -> Step:
    blocks = [outer for outer in around if outer.name]
    name = f"{blocks[-1].name}.{call.name}" if blocks else call.name
    names[name] += 1
    if names[name] > 1:
        name = f"{name}_{names[name] - 1}"
    nonlinear, kind = is_nonlinearity(call.nodes), call.type
    if not nonlinear and any(map(rectifies, call.nodes)):
        kind = f"{type(call.nodes[-1]).__name__} and ReLU"
    return Step(name, kind, None, sources, call.nodes[-1], blocks, nonlinear, call.time)


def _layer(call: Call, within: list, sources: list[int], around: list[Call]) -> Step:
    kind = type(call.module).__name__
    nonlinear = is_nonlinearity(within)
    if not nonlinear and any(rectifies(node) for node in within):
        kind += " and ReLU"
    blocks = [outer for outer in around if outer.name]
    name = call.name or type(call.module).__name__
    return Step(name, kind, call, sources, call.origin, blocks, nonlinear, call.ended)


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
