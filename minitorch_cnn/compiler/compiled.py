"""mt.compile: a model whose inference runs as one planned list of kernels."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import no_grad
from ..autograd.modes import is_grad_enabled
from ..graph import infer
from ..graph.capture import captured
from ..graph.structure import flatten
from ..kernels.jit import has_numba
from ..nn import Module
from ..tensor import Tensor
from .passes import drop_identities, fold_batch_norm

if TYPE_CHECKING:
    from .program import Program

LIMIT = 16  # programs that a compiled model keeps


class Compiled:
    """A model and its programs, one for each structure, shape and dtype of inputs."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self._programs: dict[Any, tuple[Any, Program]] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The model's results; in training mode, or to record gradients, the model itself runs."""
        tensors, takes = flatten((args, named))
        if (args and named) or not self._can_run(tensors):
            return self.model(*args, **named)
        key = (str(takes), tuple((t.shape, t.dtype) for t in tensors))
        state = _State(self.model)
        before, program = self._programs.get(key, (None, None))
        if program is None or before != state:
            with self._lock:
                program = _compiled(self.model, args, named, tensors)
                if len(self._programs) >= LIMIT:
                    self._programs.clear()
                self._programs[key] = state, program
        with no_grad():
            return program(tensors)

    def _can_run(self, tensors: list[Tensor]) -> bool:
        if not has_numba() or not tensors:
            return False
        if any(m.training or m.has_hooks() for m in self.model.modules()):
            return False
        if is_grad_enabled():
            recorded = (*tensors, *self.model.parameters())
            if any(t.requires_grad for t in recorded):
                return False
        return all(type(t.array) is np.ndarray for t in tensors)

    def explain(self) -> None:
        """Print for each program what its passes did, its steps with their layouts, its memory."""
        for _, program in self._programs.values():
            print(_table(program))

    def train(self, mode: bool = True) -> Compiled:
        """Set the model's mode; a model in training mode runs without compilation."""
        self.model.train(mode)
        return self

    def eval(self) -> Compiled:
        """Set the model to evaluation mode."""
        return self.train(False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


PASSES = (drop_identities, fold_batch_norm)


def _compiled(model: Module, args: Any, named: Any, tensors: list[Tensor]) -> Program:
    """The program of a model for arguments like these.

    Raises: CaptureError, a RuntimeError that names the module, for what a graph cannot hold.
    """
    from .plan import plan  # with Numba's kernels
    from .program import Program

    graph = captured(model, args or named, "compile", free=False).graph
    counts = [("capture", len(graph.nodes))]
    for simplify in PASSES:
        graph = simplify(graph)
        counts.append((simplify.__name__, len(graph.nodes)))
    graph = infer(graph)
    floats = [t.dtype for t in tensors if t.dtype.kind == "f"]
    return Program(graph, plan(graph), floats[0] if floats else np.dtype(np.float32), counts)


class _State:
    """What a program was made from: modules, and weights with their versions."""

    def __init__(self, model: Module) -> None:
        self.held: list[Any] = []  # so that no other object gets the identity of one of them
        self.seen: list[Any] = []
        for module in model.modules():
            self.held.append(module)
            self.seen.append((id(module), type(module), vars(module).get("forward")))
            for name, t in (*module._parameters.items(), *module._buffers.items()):
                if t is not None:
                    self.held += [t, t.array]
                    self.seen.append((name, id(t), id(t.array), t._version))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _State) and self.seen == other.seen

    def __hash__(self) -> int:
        return hash(tuple(self.seen))


def _table(program: Program) -> str:
    plan, itemsize = program.plan, np.dtype(program.dtype).itemsize
    lines = [f"{name:40} {count} nodes" for name, count in program.counts]
    lines += ["", f"{'step':40} {'operator':20} {'layout':8} output"]
    for step in plan.steps:
        shape = program.graph.values[step.output].shape
        layout = "blocked" if step.output in plan.layouts else "rows"
        lines.append(f"{step.node.name:40} {step.node.operator:20} {layout:8} {shape}")
    size, live = plan.size * itemsize, plan.live * itemsize
    lines.append(f"{len(plan.entries)} calls, {size:,} bytes planned, {live:,} live at most")
    return "\n".join(lines)
