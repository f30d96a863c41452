"""The backward pass: a traversal of the graph from the newest node, without recursion.

Every node is newer than the nodes that made its inputs, so popping the newest one from a heap
visits each node once, after all gradients of its outputs have arrived.
"""

from __future__ import annotations

import heapq
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..kernels import rows
from ..kernels.activation import SMALL, added_at_once
from ..kernels.cuda.tape import this_thread as graph
from . import array_function, leaf_hooks
from .array_function import ArrayFunction
from .modes import enable_grad, no_grad, this_thread

if TYPE_CHECKING:
    from ..tensor import Tensor
    from ..tensor.types import DType
    from .array_function import Edge, Hooks


_RECORDED, _UNRECORDED = enable_grad(), no_grad()
_accumulating = threading.Lock()  # threads may share leaves


def run_backward(
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor],
    targets: Sequence[Tensor] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> list[Tensor | None] | None:
    """Propagate `gradients` from the tensors `roots` to the leaves, or to `targets` only.

    Without `targets`, the gradients of leaves are added to their `.grad`, and None is returned.
    With them, the gradients of the targets are returned as a list (None for one that the roots do
    not depend on), and no `.grad` changes.
    """
    if retain_graph is None:
        retain_graph = create_graph
    mode = _RECORDED if create_graph else _UNRECORDED
    modes = this_thread.modes
    before, modes.autocast = modes.autocast, {}  # gradients have the dtypes of what they belong to
    try:
        with np.errstate(all="ignore"):
            return mode.run(_walk, roots, gradients, _Walk(targets, create_graph), retain_graph)
    finally:
        modes.autocast = before


def _walk(
    roots: Sequence[Tensor], gradients: Sequence[Tensor], walk: _Walk, retain_graph: bool
) -> list[Tensor | None] | None:
    for root, g in zip(roots, gradients, strict=True):
        root._follow_base()
        edge = (root, 0) if root._node is None else (root._node, root._index)
        walk.deliver(edge, g)
    if walk.targets is not None:
        walk.prune(roots)
    if leaf_hooks.in_use and walk.targets is None:
        return leaf_hooks.run(roots, walk, retain_graph)
    while walk.heap:
        walk.step(retain_graph)
    return walk.finish()


class _Walk:
    """One backward pass: the pending gradients, by the node or leaf they belong to."""

    def __init__(self, targets: Sequence[Tensor] | None, create_graph: bool) -> None:
        self.create_graph = create_graph
        self.modes = this_thread.modes
        self.heap: list[int] = []  # -age of the nodes that wait, newest first
        # age -> the node, [gradient per output]
        self.arriving: dict[int, tuple[ArrayFunction, list[Tensor | None]]] = {}
        self.leaves: dict[
            int, tuple[Tensor, list[Tensor | None]]
        ] = {}  # id(leaf) -> (leaf, [gradient])
        self.summed: set[int] = (
            set()
        )  # ids of gradients that this pass created: it may add to them in place
        self.seconds: dict[int, Tensor] = {}  # age of a node -> what its backward is to add
        self.useful: set[ArrayFunction | Tensor] | None = (
            None  # the nodes that lead to a target; None: all
        )
        self.targets = targets
        self.caught: dict[tuple[int, int], Tensor] = {}
        if targets is not None:
            for t in targets:
                t._follow_base()
            self.wanted = {
                (id(t), 0) if t._node is None else (id(t._node), t._index) for t in targets
            }

    def prune(self, roots: Sequence[Tensor]) -> None:
        """Find the nodes that lead to a target; the others are never run."""
        nodes: set[ArrayFunction] = set()
        stack = [root._node for root in roots if root._node is not None]
        while stack:
            node = stack.pop()
            if node not in nodes:
                nodes.add(node)
                stack.extend(
                    e[0] for e in node.edges if e is not None and isinstance(e[0], ArrayFunction)
                )
        self.useful = set()
        for node in sorted(nodes, key=lambda node: node.age):
            for edge in node.edges:
                if edge is not None and (
                    (id(edge[0]), edge[1]) in self.wanted or edge[0] in self.useful
                ):
                    self.useful.add(node)
                    break

    def deliver(self, edge: Edge, g: Tensor) -> None:
        """Add `g` to the gradient at an edge: (node, output index) or (leaf, 0).

        `g` is cast to the dtype of the edge's tensor; RuntimeError if the shapes differ.
        """
        target, index = edge
        if isinstance(target, ArrayFunction):
            shape, dtype = target.out_meta[index]
            age = target.age
            if age in self.arriving:
                box = self.arriving[age][1]
            else:
                box: list[Tensor | None] = [None] * len(target.out_meta)
                self.arriving[age] = target, box
                heapq.heappush(self.heap, -age)
        else:
            shape, dtype = target.array.shape, target.array.dtype
            if id(target) not in self.leaves:
                self.leaves[id(target)] = target, [None]
            box = self.leaves[id(target)][1]
        array = g.array
        if array.shape != shape:
            raise RuntimeError(
                f"backward: a gradient of shape {g.shape} arrived for a tensor of shape {shape}"
            )
        if array.dtype is not dtype and array.dtype != dtype:
            g = g.to(dtype)
        before = box[index]
        if before is None:
            box[index] = g
        elif array.size < SMALL and not devices.elsewhere:
            box[index] = self.add(before, g)
        elif isinstance(target, ArrayFunction) and target.adds_gradients:
            box[index] = self.add_later(target, before, g)
        else:
            box[index] = self.add(before, g)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """a + b, in place if `a` is a sum that this pass created.

        Sums of 16-bit gradients stay float32 until they are `settled`, because many would stall.
        """
        if self.create_graph:
            if not dtypes.is_half(b.array.dtype):
                return a + b
            total = a.float() + b.float()
        elif id(a) in self.summed:
            rows.add_to(a.array, b.array)
            return a
        elif dtypes.is_half(b.array.dtype):
            total = array_function.Tensor(np.add(a.array, b.array, dtype=dtypes.float32))
        else:
            total = array_function.Tensor(rows.add(a.array, b.array))
        self.summed.add(id(total))
        return total

    def add_later(self, node: ArrayFunction, a: Tensor, b: Tensor) -> Tensor:
        """a + b; only a where the node adds b itself, which saves a pass or a launch."""
        if node.age in self.seconds:  # of three, the first two are added now
            a = self.add(a, self.seconds.pop(node.age))
        if self.create_graph or self.targets is not None or not added_at_once(a.array, b.array):
            return self.add(a, b)
        self.seconds[node.age] = b
        return a

    def give_second(self, node: ArrayFunction, grads: list[Any]) -> None:
        """Give the node the gradient that it adds itself, unless somebody wants to see the sum."""
        second = self.seconds.pop(node.age, None)
        if second is not None and (node.hooks or node.retained or node.run_backward):
            grads[0] = self.add(grads[0], second)
        elif second is not None:
            node.second = second

    def settled(self, g: Tensor, dtype: DType) -> Tensor:
        """A completed sum, cast to its final dtype."""
        self.summed.discard(id(g))
        return g if g.array.dtype == dtype else g.to(dtype)

    def step(self, retain_graph: bool) -> None:
        """Run the newest node: hooks on its gradients, its backward, delivery to its inputs."""
        node, grads = self.arriving.pop(-heapq.heappop(self.heap))
        if self.seconds:
            self.give_second(node, grads)
        if self.summed:
            for i, g in enumerate(grads):
                if g is not None and id(g) in self.summed:
                    grads[i] = self.settled(g, node.out_meta[i][1])
        if node.hooks or node.retained or self.targets is not None:
            self.show(node, grads)
            if self.useful is not None and node not in self.useful:
                return
        run = node.run_backward
        result = type(node).backward(node, *grads) if run is None else run(*grads)
        del grads
        results: tuple[Any, ...] = result if type(result) is tuple else (result,)
        result = None
        if self.modes.anomaly or len(results) != len(node.edges):
            check_gradients(node, results)
        for edge, g in zip(node.edges, results, strict=True):
            if edge is None or g is None:
                continue
            if self.useful is None or self.leads_to_target(edge):
                self.deliver(edge, g)
        if not retain_graph:
            node.release()

    def show(self, node: ArrayFunction, grads: list[Any]) -> None:
        """Let hooks see and replace the gradients of a node's outputs; store retained ones."""
        for i, g in enumerate(grads):
            if g is None:
                continue
            if node.hooks and i in node.hooks:
                g = grads[i] = call_hooks(node.hooks[i], g)
            if node.retained and i in node.retained:
                tensor = node.retained[i]()
                if tensor is not None:
                    accumulate(tensor, g, self.create_graph)
            if self.targets is not None and (id(node), i) in self.wanted:
                self.caught[id(node), i] = g

    def leads_to_target(self, edge: Edge) -> bool:
        return edge[0] in (self.useful or ()) or (id(edge[0]), edge[1]) in self.wanted

    def finish(self) -> list[Tensor | None] | None:
        """Return or accumulate the gradients of the leaves."""
        for leaf, box in self.leaves.values():
            self.finish_leaf(leaf, box)
        if self.targets is None:
            return None
        keys = [(id(t), 0) if t._node is None else (id(t._node), t._index) for t in self.targets]
        return [self.caught.get(key) for key in keys]

    def finish_leaf(self, leaf: Tensor, box: list[Tensor | None]) -> None:
        """Return or accumulate the completed gradient of a leaf."""
        g: Any = box.pop()
        if id(g) in self.summed:
            g = self.settled(g, leaf.array.dtype)
        if leaf._hooks:
            g = call_hooks(leaf._hooks, g)
        if self.targets is None:
            accumulate(leaf, g, self.create_graph)
        else:
            self.caught[id(leaf), 0] = g


def accumulate(tensor: Tensor, g: Tensor, create_graph: bool) -> None:
    """tensor.grad += g."""
    if devices.elsewhere and graph.capture is not None:
        graph.capture.note_leaf(tensor)
    with _accumulating:
        if tensor._grad is None:
            # Two leaves may have received one array (a + b): each gets its own memory.
            tensor._grad = g if held_here_only(g) else g.clone()
        elif create_graph:
            tensor._grad = tensor._grad + g
        else:
            tensor._grad.add_(g)


def held_here_only(g: Tensor) -> bool:
    """Whether only the callers' variables refer to the gradient `g` and its memory."""
    array = g.array
    root = array.base
    if not array.flags.c_contiguous or not devices.is_writeable(array):
        return False
    # g: two variables of callers, the parameter, getrefcount's own; an array: one name less.
    if sys.getrefcount(g) > 4 or sys.getrefcount(array) > 3:
        return False
    return root is None or (
        devices.is_array(root) and root.base is None and sys.getrefcount(root) <= 3
    )


def call_hooks(hooks: Hooks, g: Tensor) -> Tensor:
    """The gradient after all hooks; a hook may return a replacement.

    TypeError or RuntimeError unless that is a Tensor of the same shape, dtype and device.
    """
    for hook in list(hooks.values()):
        replaced = hook(g)
        if replaced is not None:
            check_replacement(g, replaced)
            g = replaced
    return g


def check_replacement(g: Tensor, replaced: object) -> None:
    if not isinstance(replaced, array_function.Tensor):
        raise TypeError(
            f"register_hook: a hook must return a Tensor or None, got {type(replaced).__name__}"
        )
    for what in ("shape", "dtype", "device"):
        if getattr(replaced, what) != getattr(g, what):
            raise RuntimeError(
                f"register_hook: a hook returned a gradient of {what} {getattr(replaced, what)} "
                f"for one of {what} {getattr(g, what)}"
            )


def check_gradients(node: ArrayFunction, results: Sequence[Any]) -> None:
    """Check for one gradient per input of `node` and, with detect_anomaly, for NaN."""
    name = type(node).__name__
    if len(results) != len(node.edges):
        raise RuntimeError(
            f"{name}.backward: returned {len(results)} gradients for {len(node.edges)} inputs"
        )
    if not this_thread.modes.anomaly:
        return
    for i, g in enumerate(results):
        if g is not None and np.isnan(g.array).any():
            where = node.forward_trace or "  (its forward ran outside detect_anomaly)\n"
            raise RuntimeError(
                f"detect_anomaly: {name}.backward made a NaN in the gradient of its input {i}. "
                f"Its forward was called here:\n{where}"
            )
