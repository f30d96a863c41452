"""mt.compile: a model whose inference runs as one planned list of kernels."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import no_grad
from ..autograd.modes import is_grad_enabled
from ..graph import infer
from ..graph.capture import captured
from ..graph.structure import flatten
from ..kernels.threads import get_num_threads
from ..nn import Module
from ..tensor import Tensor
from .passes import (
    dense_as_convolutions,
    drop_identities,
    fold_affine,
    fold_batch_norm,
    fold_constants,
)
from .state import State

if TYPE_CHECKING:
    from .program import Program

LIMIT = 16  # programs that a compiled model keeps


class Compiled:
    """A model and its programs, one for each structure, shape and dtype of inputs."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self._state: State | None = None  # of the model, when the programs were made
        self._programs: dict[Any, Program] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The model's results; in training mode, or to record gradients, the model itself runs."""
        if len(args) == 1 and not named and isinstance(args[0], Tensor):
            tensors, takes = [args[0]], None
        else:
            tensors, nested = flatten((args, named))
            takes = str(nested)
        state = self._state
        if state is None or not state.holds():
            state = self._renewed()
        if state is None or (args and named) or not _can_run(state, tensors):
            return self.model(*args, **named)
        key = takes, get_num_threads(), *((t.array.shape, t.array.dtype) for t in tensors)
        program = self._programs.get(key)
        if program is None:
            with self._lock:
                program = self._programs.get(key) or _compiled(self.model, args, named, tensors)
                if self._state is state:  # not changed meanwhile
                    if len(self._programs) >= LIMIT:
                        self._programs = {}
                    self._programs[key] = program
        with no_grad():
            return program(tensors)

    def _renewed(self) -> State | None:
        """The state of the model as it is now, without programs; None if it must run itself."""
        with self._lock:
            if self._state is None or not self._state.holds():
                self._programs = {}
                self._state = State(self.model) if State.possible(self.model) else None
            return self._state

    def explain(self) -> None:
        """Print for each program what its passes did, its steps with their layouts, its memory."""
        for program in self._programs.values():
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


PASSES = (drop_identities, fold_constants, fold_batch_norm, dense_as_convolutions, fold_affine)


def _can_run(state: State, tensors: list[Tensor]) -> bool:
    """Whether a program may run on these inputs: arrays of the host, no gradient is recorded."""
    if is_grad_enabled() and (state.records() or any(t.requires_grad for t in tensors)):
        return False
    return bool(tensors) and all(type(t.array) is np.ndarray for t in tensors)


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
    floats = [t.dtype for t in tensors if t.dtype.kind in dtypes.FLOATS]
    return Program(graph, plan(graph), floats[0] if floats else np.dtype(np.float32), counts)


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
