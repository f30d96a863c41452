"""Which steps of a graph work on blocks of channels: those that kernels/blocked can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Graph, Node
from ..graph.window_shapes import pads_of, settings_of
from ..kernels import blocked as kernels
from ..kernels.window import Window
from .steps import Step, bounds_of


class Choice:
    """The steps of a graph, and the values among their outputs that are in blocks.

    A rule `_can_OPERATOR` says whether a step can: it reads what the kernels can, and an input that
    is in blocks already. Only convolutions also take ordinary arrays, which are packed for them.
    """

    def __init__(self, graph: Graph, steps: list[Step]) -> None:
        self.graph, self.steps = graph, steps
        self.dtype = next(
            (v.dtype for v in graph.inputs if v.dtype is not None and v.dtype.kind == "f"),
            np.dtype(np.float32),
        )
        self.lanes = kernels.lanes(self.dtype.itemsize)
        self.read = graph.consumers()
        self.blocked: set[str] = set()
        self.flat: dict[str, str] = {}  # images in blocks by the names of their flat forms
        for step in steps:
            if self._is_flattening(step):
                self.flat[step.output] = step.node.inputs[0]
            image = self.is_image(step.output) and all(map(self.is_image, step.inputs[:1]))
            rule = getattr(self, f"_can_{step.node.operator}", None)
            if image and rule is not None and rule(step):
                self.blocked.add(step.output)

    def shape(self, name: str) -> tuple[int, ...]:
        shape = self.graph.values[name].shape
        return tuple(n if isinstance(n, int) else -1 for n in shape) if shape else ()

    def constant(self, name: str) -> Any:
        """The array of a constant; None for any other value."""
        return self.graph.array(name) if name else None

    def is_image(self, name: str) -> bool:
        value, shape = self.graph.values[name], self.shape(name)
        return len(shape) == 4 and min(shape) > 0 and value.dtype == self.dtype

    def window(self, node: Node, kernel: Sequence[int]) -> Window:
        x = self.shape(node.inputs[0])
        strides, spans = settings_of(node.get, 2, kernel)
        pads = pads_of(node.get, x[2:], strides, spans)
        dilations = node.get("dilations") or (1, 1)
        settings: list[Any] = [tuple(pair) for pair in (kernel, strides, pads, dilations)]
        return Window(settings[0], settings[1], settings[2], settings[3])

    def _in_blocks(self, *names: str) -> bool:
        return all(name in self.blocked for name in names)

    def _is_flattening(self, step: Step) -> bool:
        """Whether a step flattens an image in blocks that has one pixel."""
        if step.node.operator not in ("Flatten", "Reshape"):
            return False
        x = step.node.inputs[0]
        shape = self.shape(x)
        return self._in_blocks(x) and shape[2:] == (1, 1) and self.shape(step.output) == shape[:2]

    def _can_Conv(self, step: Step) -> bool:
        node = step.node
        x, w = node.inputs[0], self.constant(node.inputs[1])
        bias = len(node.inputs) < 3 or self.constant(node.inputs[2]) is not None
        if w is None or w.ndim != 4 or not bias or w.dtype != self.dtype:
            return False
        groups, C = node.get("group"), self.shape(x)[1]
        width = C if self.is_narrow(x) else self.lanes
        depthwise = groups == C == len(w) and width == self.lanes
        return depthwise or kernels.can_convolve(w.shape, groups, width, self.dtype.itemsize)

    def is_narrow(self, name: str) -> bool:
        """Whether an ordinary array of few channels is packed as one narrow block."""
        return name not in self.blocked and 2 * self.shape(name)[1] < self.lanes

    def _can_MaxPool(self, step: Step) -> bool:
        node = step.node
        return not any(name in self.read for name in node.outputs[1:]) and self._in_blocks(
            node.inputs[0]
        )

    def _can_AveragePool(self, step: Step) -> bool:
        return not step.node.get("ceil_mode") and self._in_blocks(step.node.inputs[0])

    def _can_GlobalAveragePool(self, step: Step) -> bool:
        return self._in_blocks(step.node.inputs[0])

    def _can_LRN(self, step: Step) -> bool:
        return self._in_blocks(step.node.inputs[0])

    def _can_BatchNormalization(self, step: Step) -> bool:
        constants = all(self.constant(name) is not None for name in step.node.inputs[1:5])
        return constants and self._in_blocks(step.node.inputs[0])

    def _can_Add(self, step: Step) -> bool:
        a, b = step.node.inputs
        same = self.graph.values[a].shape == self.graph.values[b].shape
        return same and self._in_blocks(a, b)

    def _can_Mul(self, step: Step) -> bool:
        return self.gate(step.node) is not None

    def gate(self, node: Node) -> tuple[str, str] | None:
        """The image and the gate (N, C, 1, 1) of a product."""
        for x, gate in (node.inputs, node.inputs[::-1]):
            if self._in_blocks(x, gate) and self.shape(gate) == (*self.shape(x)[:2], 1, 1):
                return x, gate
        return None

    def _can_Concat(self, step: Step) -> bool:
        node = step.node
        whole = all(self.shape(name)[1] % self.lanes == 0 for name in node.inputs[:-1])
        distinct = len(set(node.inputs)) == len(node.inputs)
        return node.get("axis") in (1, -3) and whole and distinct and self._in_blocks(*node.inputs)

    def _can_elementwise(self, step: Step) -> bool:
        node = step.node
        bounds = node.operator not in ("Clip", "Relu") or self.bounds(node) is not None
        return bounds and self._in_blocks(node.inputs[0])

    _can_HardSigmoid = _can_HardSwish = _can_LeakyRelu = _can_elementwise
    _can_Relu = _can_Clip = _can_elementwise

    def _can_exponential(self, step: Step) -> bool:
        return self.dtype == np.float32 and self._in_blocks(step.node.inputs[0])

    _can_Sigmoid = _can_Tanh = _can_exponential

    def bounds(self, node: Node) -> tuple[float, float] | None:
        return bounds_of(self.graph, node)
