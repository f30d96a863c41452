"""The blocks of a network by the values that they make, so that the page can switch them off."""

from __future__ import annotations

from typing import Any

from ...models.residual import PlainBlock
from ...nn import Module
from ..blocks import blocks_of
from ..trace import trace_of


def live_blocks(model: Module, example: Any) -> list[dict[str, str]]:
    """The residual blocks of a model, each with the value of its branch, or else the plain blocks,
    each with its input and output; in the order of `analysis.lesions`.
    """
    found = trace_of(model, example, "live_blocks")
    makers = {node.name: node for node in found.graph.nodes}
    residual = [
        {"name": b.name, "branch": makers[b.junction].inputs[b.branch]} for b in blocks_of(found)
    ]
    return residual or [
        {"name": call.name, "input": call.inputs[0], "output": call.outputs[0]}
        for call in found.calls
        if isinstance(call.module, PlainBlock)
    ]
