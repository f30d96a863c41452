"""The plan of a compiled graph: a layout for each value, and a flat list of kernels to call.

Convolutions, and what stands between them, work on blocks of channels (kernels/blocked); all other
operators run as they do without compilation, on ordinary arrays. Reordering happens where the two
meet. A concatenation of channels is not computed: its parts are written where it will be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node
from ..kernels import blocked as kernels
from ..kernels.blocked import Call, Layout
from ..kernels.threads import get_num_threads
from ..kernels.window import Window
from .arrays import numpy_function
from .choice import Choice
from .memory import Life, live_peak, planned
from .steps import Step, fused

WIDE, NARROW = ":blocks", ":narrow blocks"  # ends of the names of ordinary arrays' copies in blocks


class Place(NamedTuple):
    """Where a value in blocks is: channels from `first` on in the array of `root`."""

    root: str
    first: int = 0


class Entry(NamedTuple):
    """One thing to do. call: a kernel on arrays, given as names of roots or as constants; or none,
    and the step is run by its operator's ordinary implementation, or by a function of NumPy's:
    these two are the `arrays`.

    reads, writes: values that are ordinary arrays: what a reordering reads or makes.
    """

    step: str
    call: Call | None
    arrays: tuple[Any, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Plan(NamedTuple):
    """All entries in order, the offset of each array in the arena, and what was planned."""

    entries: list[Entry]
    offsets: dict[str, tuple[int, int]]  # first element and number of elements, by root
    size: int  # elements of the arena
    live: int  # elements of the largest sum of live arrays
    steps: list[Step]
    layouts: dict[str, Layout]  # of the values in blocks
    threads: int  # that kernels have memory for


def plan(graph: Graph, steps: list[Step] | None = None) -> Plan:
    """The plan of a graph whose shapes are all known. steps: those of `fused`, or others.

    The graph loses the constants that are packed and that no step reads as they are.
    """
    return _Planner(Choice(graph, fused(graph) if steps is None else steps)).plan()


class _Planner:
    def __init__(self, choice: Choice) -> None:
        self.choice, self.graph, self.steps = choice, choice.graph, choice.steps
        self.dtype, self.blocked = choice.dtype, choice.blocked
        self.unpacked: set[str] = set()  # values in blocks that are ordinary arrays, too
        self.places: dict[str, Place] = {}
        self.borders: dict[str, tuple[int, int]] = {}
        self.roots: dict[str, Layout] = {}
        self.memory: dict[str, int] = {}  # elements that kernels take to work with, by names
        self.threads = get_num_threads()
        self.entries: list[Entry] = []

    # ------------------------------------------------------------------------- where the values are

    def place(self) -> None:
        """Decide which values share an array, and how wide the borders of the arrays are."""
        for step in reversed(self.steps):
            if step.node.operator == "Concat" and step.output in self.blocked:
                self._place_parts(step)
        for step in self.steps:
            if step.output in self.blocked:
                self.places.setdefault(step.output, Place(step.output))
        for step in self.steps:
            if step.node.operator == "Conv" and step.output in self.blocked:
                self._widen(step)
        for name in self.blocked:
            root, first = self.places[name]
            if first == 0 and root == name:
                border = self.borders.get(root, (0, 0))
                self.roots[root] = kernels.blocked(self._image(root), self.dtype.itemsize, border)

    def _place_parts(self, step: Step) -> None:
        """Let the parts of a concatenation be written into it, or find them there already."""
        inputs = step.node.inputs
        starts = np.cumsum([0, *(self.choice.shape(name)[1] for name in inputs)]).tolist()
        known = [self.places.get(name) for name in inputs]
        if known[0] is not None and all(
            at is not None and at.root == known[0].root and at.first == known[0].first + start
            for at, start in zip(known, starts, strict=False)
        ):
            self.places[step.output] = known[0]
            return
        own = self.places.setdefault(step.output, Place(step.output))
        for name, start in zip(inputs, starts, strict=False):
            if name not in self.places and self._writer(name) != "Concat":
                self.places[name] = Place(own.root, own.first + start)

    def _writer(self, name: str) -> str:
        return next((s.node.operator for s in self.steps if s.output == name), "")

    def _widen(self, step: Step) -> None:
        """Widen the border of what a convolution reads to its padding."""
        source = step.node.inputs[0]
        w = self.choice.constant(step.node.inputs[1])
        pads = self.choice.window(step.node, w.shape[2:]).padding
        is_blocked = source in self.blocked
        root = self.places[source].root if is_blocked else self._copy_of(source, convolved=True)
        before = self.borders.get(root, (0, 0))
        self.borders[root] = (max(before[0], *pads[0]), max(before[1], *pads[1]))

    def _image(self, name: str) -> tuple[int, int, int, int]:
        N, C, H, W = self.choice.shape(name)
        return N, C, H, W

    def layout(self, name: str) -> Layout:
        root, first = self.places[name]
        at = self.roots[root]
        return at if root == name else at.part(first, self.choice.shape(name)[1])

    # ---------------------------------------------------------------------------------- what to do

    def plan(self) -> Plan:
        self.place()
        cleared: set[str] = set()
        for step in self.steps:
            if step.output in self.choice.flat:
                continue
            if step.output not in self.blocked:
                self._run_ordinary(step)
                continue
            sources = [self._source(step, name, k) for k, name in enumerate(self._images(step))]
            root = self.places[step.output].root
            if root not in cleared:
                cleared.add(root)
                if self.roots[root].border != (0, 0):
                    call = kernels.border(self.roots[root])
                    self.entries.append(Entry(f"border of {root}", call, (root,)))
            for entry in getattr(self, f"_plan_{step.node.operator}")(step, sources):
                self.entries.append(entry)
            self._release(step)
        for value in self.graph.outputs:
            self._unpack(value.name)
        return self._with_memory()

    def _release(self, step: Step) -> None:
        """Forget the weights that are packed now, unless another step needs them."""
        if step.node.operator in ("BatchNormalization", "Conv"):
            results = {value.name for value in self.graph.outputs}
            for name in set(step.node.inputs[1:]) - results:
                if all(node is step.node for node in self.choice.read.get(name, ())):
                    self.graph.constants.pop(name, None)

    def _images(self, step: Step) -> list[str]:
        """The inputs of a step that are images."""
        node = step.node
        if node.operator in ("Add", "Concat"):
            return list(node.inputs)
        if node.operator == "Mul":
            return list(self.choice.gate(node) or ())
        return [node.inputs[0], *([step.residual] if step.residual else [])]

    def _source(self, step: Step, name: str, k: int) -> str:
        """The value in blocks that a step reads as its k-th image, packed first if it is an
        ordinary array."""
        if name in self.blocked:
            return name
        copy = self._copy_of(name, convolved=k == 0)
        if copy not in self.places:
            narrow = copy.endswith(NARROW)
            at = kernels.blocked(
                self._image(name), self.dtype.itemsize, self.borders.get(copy, (0, 0)), narrow
            )
            self.places[copy], self.roots[copy] = Place(copy), at
            if at.border != (0, 0):
                self.entries.append(Entry(f"border of {name}", kernels.border(at), (copy,)))
            call = kernels.to_blocks(at)
            self.entries.append(Entry(f"pack {name}", call, (None, copy), reads=(name,)))
        return copy

    def _copy_of(self, name: str, convolved: bool) -> str:
        """The name of an ordinary array's copy in blocks: a convolution reads a narrow one where it
        can; a residual is in blocks as wide as those of the result."""
        return name + (NARROW if convolved and self.choice.is_narrow(name) else WIDE)

    def layout_of(self, source: str) -> Layout:
        return self.layout(source) if source in self.blocked else self.roots[source]

    def _root(self, source: str) -> str:
        return self.places[source].root

    def _unpack(self, name: str) -> None:
        """Make an ordinary array of a value in blocks."""
        image = self.choice.flat.get(name, name)
        if image in self.blocked and name not in self.unpacked:
            self.unpacked.add(name)
            call = kernels.from_blocks(self.layout(image))
            entry = Entry(f"unpack {name}", call, (self._root(image), None), writes=(name,))
            self.entries.append(entry)

    def _run_ordinary(self, step: Step) -> None:
        """A step that its operator's ordinary implementation runs, with its epilogue."""
        for name in step.inputs:
            self._unpack(name)
        node = step.node
        reads = tuple(name for name in step.inputs if name not in self.graph.constants)
        plain = step == Step(node, node.outputs[0])
        function = numpy_function(self.graph, node) if plain else None
        self.entries.append(Entry(node.name, None, (step, function), reads, tuple(node.outputs)))

    def _plan_Conv(self, step: Step, sources: list[str]) -> list[Entry]:
        node = step.node
        w = self.choice.constant(node.inputs[1])
        bias = self.choice.constant(node.inputs[2]) if len(node.inputs) > 2 else None
        return self._convolution(step, sources, w, bias, node.get("group"))

    def _convolution(
        self, step: Step, sources: list[str], w: np.ndarray, bias: np.ndarray | None, groups: int
    ) -> list[Entry]:
        x, y = self.layout_of(sources[0]), self.layout(step.output)
        window = self.choice.window(step.node, w.shape[2:])
        bounds = step.low, step.high
        more: Any = np.zeros(0, self.dtype)
        before, memory = [], []
        if step.residual:
            more, before = self._residual(step, sources[1], y)
        tile = kernels.best_tile(window, groups, x, y, self.threads)
        if tile:
            call, size = kernels.winograd(x, y, window, tile, *bounds, self.dtype, self.threads)
            weights = kernels.transform_weights(w, tile).reshape(-1)
            memory = [f"{step.output}:memory"]
            self.memory[memory[0]] = size
        else:
            call = kernels.convolution(x, y, w.shape, window, groups, *bounds, self.dtype)
            weights = kernels.pack_weights(w, groups, x.width).reshape(-1)
        arrays = (
            self._root(sources[0]), weights, kernels.pack_bias(bias, len(w), self.dtype), more,
            self._root(step.output), *memory,
        )  # fmt: skip
        return [*before, Entry(step.node.name, call, arrays)]

    def _residual(self, step: Step, source: str, y: Layout) -> tuple[str, list[Entry]]:
        """The array of a residual in the layout of the output: its own, or a copy."""
        if self.layout_of(source) == y:
            return self._root(source), []
        copy = f"{step.output}:residual"
        self.places[copy], self.roots[copy] = Place(copy), y._replace()
        call = kernels.copy(self.layout_of(source), y, self.dtype)
        arrays = self._root(source), copy
        return copy, [Entry(f"copy of {source}", call, arrays)]

    def _plan_BatchNormalization(self, step: Step, sources: list[str]) -> list[Entry]:
        """A product and a sum for each channel: a depthwise convolution of one tap."""
        arrays = [self.choice.constant(name) for name in step.node.inputs[1:5]]
        gamma, beta, mean, var = (np.asarray(a, np.float64) for a in arrays)
        scale = gamma / np.sqrt(var + step.node.get("epsilon"))
        w = scale.astype(self.dtype).reshape(-1, 1, 1, 1)
        bias = (beta - mean * scale).astype(self.dtype)
        node = Node("Conv", step.node.inputs[:1], (step.output,), {}, step.node.name)
        plain = step._replace(node=node)
        return self._convolution(plain, sources, w, bias, len(w))

    def _plan_MaxPool(self, step: Step, sources: list[str]) -> list[Entry]:
        window = self._pool_window(step)
        return self._simple(step, sources, kernels.max_pooling, window)

    def _plan_AveragePool(self, step: Step, sources: list[str]) -> list[Entry]:
        window = self._pool_window(step)
        include = bool(step.node.get("count_include_pad"))
        return self._simple(step, sources, kernels.average_pooling, window, include)

    def _pool_window(self, step: Step) -> Window:
        window = self.choice.window(step.node, step.node.get("kernel_shape"))
        return replace(window, ceil_mode=bool(step.node.get("ceil_mode")))

    def _plan_GlobalAveragePool(self, step: Step, sources: list[str]) -> list[Entry]:
        return self._simple(step, sources, kernels.global_average)

    def _plan_LRN(self, step: Step, sources: list[str]) -> list[Entry]:
        settings = map(step.node.get, ("size", "alpha", "beta", "bias"))
        return self._simple(step, sources, kernels.local_response_norm, *settings, self.dtype)

    def _plan_Add(self, step: Step, sources: list[str]) -> list[Entry]:
        return self._simple(step, sources, kernels.addition, step.low, step.high, self.dtype)

    def _plan_Mul(self, step: Step, sources: list[str]) -> list[Entry]:
        return self._simple(step, sources, kernels.gating, self.dtype)

    def _plan_Concat(self, step: Step, sources: list[str]) -> list[Entry]:
        """Copies of the parts that are not written in their places."""
        root, first = self.places[step.output]
        entries = []
        for source in sources:
            size = self.choice.shape(source)[1]
            if self.places[source] != (root, first):
                to = self.roots[root].part(first, size)
                call = kernels.copy(self.layout_of(source), to, self.dtype)
                arrays = self._root(source), root
                entries.append(Entry(f"copy of {source}", call, arrays))
            first += size
        return entries

    def _plan_elementwise(self, step: Step, sources: list[str]) -> list[Entry]:
        node = step.node
        a, b = self.choice.bounds(node) or (0.0, 0.0)
        if node.operator in ("HardSigmoid", "LeakyRelu"):
            a, b = node.get("alpha"), node.get("beta") or 0.0
        name = "Clip" if node.operator == "Relu" else node.operator
        x, y = self.layout_of(sources[0]), self.layout(step.output)
        call = kernels.function(name, x, y, a, b, self.dtype)
        return [Entry(node.name, call, (self._root(sources[0]), self._root(step.output)))]

    _plan_Sigmoid = _plan_HardSigmoid = _plan_HardSwish = _plan_LeakyRelu = _plan_elementwise
    _plan_Relu = _plan_Clip = _plan_Tanh = _plan_elementwise

    def _simple(
        self, step: Step, sources: list[str], planner: Callable[..., Call], *settings: Any
    ) -> list[Entry]:
        """One call that reads images and writes one."""
        layouts = [self.layout_of(source) for source in sources]
        call = planner(*layouts, self.layout(step.output), *settings)
        roots = tuple(map(self._root, (*sources, step.output)))
        return [Entry(step.node.name, call, roots)]

    # -------------------------------------------------------------------------------------- memory

    def _with_memory(self) -> Plan:
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, entry in enumerate(self.entries):
            for array in entry.arrays:
                if isinstance(array, str):
                    first.setdefault(array, k)
                    last[array] = k
        sizes = {
            root: self.memory[root] if root in self.memory else self.roots[root].size
            for root in first
        }
        lives = [Life(root, sizes[root], first[root], last[root]) for root in first]
        offsets, size = planned(lives)
        spans = {root: (offsets[root], sizes[root]) for root in first}
        layouts = {name: self.layout(name) for name in self.blocked}
        live = live_peak(lives)
        return Plan(self.entries, spans, size, live, self.steps, layouts, self.threads)
