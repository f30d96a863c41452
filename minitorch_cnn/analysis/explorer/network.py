"""A network as boxes and arrows: its layers as they ran, and the operations between them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...nn import Module
from ..fields import fields
from ..receptive_field import ReceptiveField, field_of
from ..steps import Step, steps
from ..summary import Row, layer_calls, rows_of
from ..trace import Call, Shape, Trace, trace

# The colours of boxes that the page has a key to, by words in their types.
ROLES = {"norm": "Norm", "pool": "Pool|Subsampling", "conv": "Conv|Linear|MatMul"}


FEW = 4  # boxes; a module of fewer, such as a convolution with its ReLU, is not worth folding


class Box(NamedTuple):
    """The image, a layer at work, or an operation outside of all layers.

    kind: "image", "layer", "join" (of several boxes) or "function" (of one). role: "image", "conv"
    for what has weights, "norm", "pool", "join", "activation" or "plain". sources: the positions of
    the boxes whose outputs it takes. Shapes are without the batch axis.
    parameters, multiply_adds, memory_bytes: see `analysis.summary`. field: what one of its outputs
    sees of the image; None if it does not depend on it. blocks: the modules around it, the
    outermost first, each "name: type". value: the name of its output in the graph.
    """

    kind: str
    role: str
    name: str
    type: str
    settings: str
    sources: list[int]
    input_shape: Shape
    output_shape: Shape
    parameters: int = 0
    multiply_adds: int = 0
    memory_bytes: int = 0
    field: ReceptiveField | None = None
    blocks: tuple[str, ...] = ()
    value: str = ""
    module: Module | None = None


def boxes(model: Module, input_shape: Shape) -> list[Box]:
    """The boxes of `model` for an image (C, H, W), the image first, each after its sources.

    Raises: ValueError for an input_shape that is not 3 positive integers; what `capture` raises.
    """
    return boxes_of(model, trace(model, input_shape, "boxes"), input_shape)


def boxes_of(model: Module, run: Trace, input_shape: Shape) -> list[Box]:
    """The boxes of a run of `model` for an image (C, H, W)."""
    ran = steps(run, layer_calls(model, run))
    seen = fields(run, [step.value for step in ran])
    rows = rows_of(run, ran, seen, input_shape)
    blocks = _blocks(ran)
    found = [Box("image", "image", "image", "Image", "", [], (), tuple(input_shape))]
    for step, row in zip(ran, rows, strict=True):
        field = field_of(seen[step.value], input_shape) if step.value in seen else None
        around = tuple(blocks[call.began] for call in step.blocks if call.began in blocks)
        made = _function(run, step, found) if row is None else _layer(step, row)
        found.append(made._replace(field=field, blocks=around, value=step.value))
    return found


def _layer(step: Step, row: Row) -> Box:
    call: Any = step.call  # there is one of a layer
    module = call.module
    role = _role(step, "conv" if row.params else "plain")
    shapes, cost = (row.input_shape, row.output_shape), (row.params, row.macs, row.memory_bytes)
    settings = module.extra_repr()
    return Box(
        *("layer", role, step.name, step.type, settings, step.sources),
        *shapes,
        *cost,
        module=module,
    )


def _function(run: Trace, step: Step, found: list[Box]) -> Box:
    kind = "join" if len(step.sources) > 1 else "function"
    role = "join" if kind == "join" else _role(step, "plain")
    shapes = found[step.sources[0]].output_shape, run.of_one(step.value)
    return Box(kind, role, step.name, step.type, "", step.sources, *shapes)


def _role(step: Step, otherwise: str) -> str:
    if step.nonlinear:
        return "activation"
    fitting = (role for role, words in ROLES.items() if re.search(words, step.type))
    return next(fitting, otherwise)


def _blocks(ran: list[Step]) -> dict[int, str]:
    """What to call the modules around some steps, by the beginning of their calls.

    Of modules around the same steps it is the outermost. A second call of a module is numbered.
    """
    members: dict[int, list[int]] = {}
    calls: dict[int, Call] = {}
    for k, step in enumerate(ran):
        for call in step.blocks:
            members.setdefault(call.began, []).append(k)
            calls[call.began] = call
    found: dict[int, str] = {}
    taken: set[tuple[int, ...]] = {tuple(range(len(ran)))}
    for began in sorted(calls):
        inside = tuple(members[began])
        if len(inside) < FEW or inside in taken:
            continue
        taken.add(inside)
        call = calls[began]
        title = f"{call.name}: {type(call.module).__name__}"
        again = sum(name.partition(" (")[0] == title for name in found.values())
        found[began] = f"{title} ({again + 1})" if again else title
    return found
