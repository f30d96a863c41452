"""trace: the graph of a model for images, and the inputs and outputs of every module.

Nothing is computed: the graph is captured from shapes (graph/capture.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph
from ..graph.capture import captured
from ..graph.places import Place
from ..graph.sizes import Free
from ..nn import Module
from ..tensor import Tensor

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A module's call: the names of the values that it was given and gave, and the shapes of the
    first of each without the batch axis; () if there is none.

    began, ended: its times; nodes and calls with a time in between ran inside it.
    """

    name: str
    module: Module
    inputs: list[str]
    outputs: list[str]
    input_shape: Shape
    output_shape: Shape
    began: int
    ended: int


class Trace(NamedTuple):
    """A graph, the calls of modules in the order in which they ended, so that the last one is the
    model's own, and the place of each node; see `graph.places`. batch: the number of samples in the
    graph's shapes.
    """

    graph: Graph
    calls: list[Call]
    places: dict[str, Place]
    batch: int

    def shape(self, name: str) -> Shape:
        """The shape of a value, for one sample if the batch is free."""
        value = self.graph.values.get(name)
        shape = value.shape if value is not None and value.shape is not None else ()
        return tuple(n.times + n.plus if isinstance(n, Free) else n for n in shape)

    def of_one(self, name: str) -> Shape:
        """The shape of a value without the batch axis."""
        value = self.graph.values.get(name)
        shape = value.shape if value is not None and value.shape is not None else ()
        first = shape[0] if shape else 0
        whole = self.shape(name)
        batched = isinstance(first, Free) or (not self.free and first == self.batch)
        return whole[1:] if batched else whole

    @property
    def free(self) -> bool:
        """Whether the size of the batch is free."""
        return any(isinstance(n, Free) for v in self.graph.inputs for n in v.shape or ())


def trace(model: Module, input_shape: Shape, function: str) -> Trace:
    """The graph of `model` in evaluation mode for images of `input_shape`, (C, H, W) or
    (N, C, H, W).

    Raises: ValueError, in the name of `function`, unless that is 3 or 4 positive integers;
    CaptureError, a RuntimeError, for what a graph cannot hold; whatever the model raises.
    """
    if len(input_shape) not in (3, 4) or min(input_shape) < 1:
        raise ValueError(
            f"{function}: input_shape={tuple(input_shape)} must be (C, H, W) or (N, C, H, W), "
            "all positive"
        )
    return trace_of(model, zeros_for(model, input_shape[-3:]), function)


def zeros_for(model: Module, *shapes: Sequence[int]) -> tuple[Tensor, ...]:
    """One sample of each shape, which is without the batch axis, as the model's weights are."""
    like = next((p.array for p in model.parameters()), np.empty(0, np.float32))
    made = [np.broadcast_to(np.zeros(1, like.dtype), (1, *shape)) for shape in shapes]
    return tuple(Tensor(np.asarray(x, like=like)) for x in made)


def trace_of(model: Module, example: Any, function: str) -> Trace:
    """The graph of `model` for the inputs of `graph.capture`."""
    found = captured(model, example, function, places=True)
    graph = found.graph
    sizes = [v.shape[0] for v in graph.inputs if v.shape]
    batch = 1 if any(isinstance(n, Free) for n in sizes) or not sizes else int(sizes[0])  # type: ignore[arg-type]
    run = Trace(graph, [], found.places, batch)
    for call in found.calls:
        own = call.module is model and not call.outputs  # it may return what it did not compute
        outputs = [value.name for value in graph.outputs] if own else call.outputs
        x, y = (run.of_one(names[0]) if names else () for names in (call.inputs, outputs))
        times = call.began, call.ended
        run.calls.append(Call(call.path, call.module, call.inputs, outputs, x, y, *times))
    return run
