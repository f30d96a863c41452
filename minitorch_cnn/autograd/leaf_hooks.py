"""Hooks on leaves that run during the backward pass, as soon as a leaf's gradient is complete.

The engine adds the gradients of leaves to their `.grad` at the end. A leaf with such a hook gets
its gradient right after the oldest node that uses it, so that it can be sent to other processes
while the pass continues.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .array_function import ArrayFunction

if TYPE_CHECKING:
    from ..tensor import Tensor


in_use = False  # whether any leaf ever had such a hook: until then a pass costs nothing more


class _Running(threading.local):
    callbacks: list[Callable[[], Any]] | None = None  # of this thread's backward pass


_running = _Running()


def queue_callback(callback: Callable[[], Any]) -> None:
    """Call `callback()` at the end of the backward pass that calls the current hook.

    Raises: RuntimeError outside a hook of `register_post_accumulate_grad_hook`.
    """
    if _running.callbacks is None:
        raise RuntimeError("queue_callback: no backward pass with hooks on leaves is running")
    _running.callbacks.append(callback)


def run(roots: Sequence[Tensor], walk: Any, retain_graph: bool) -> None:
    """The engine's loop, which also calls the hooks on leaves, and the callbacks at the end."""
    waiting = _oldest_uses(roots)
    before, _running.callbacks = _running.callbacks, []
    try:
        while walk.heap:
            walk.step(retain_graph)
            newest = -walk.heap[0] if walk.heap else -1
            while waiting and waiting[-1][0] > newest:
                _finish(walk, waiting.pop()[1])
        for _, leaf in waiting:
            _finish(walk, leaf)
        for root in roots:  # a root may be a leaf itself
            if root._node is None and root._post_hooks:
                _finish(walk, root)
        walk.finish()
        for callback in _running.callbacks:
            callback()
    finally:
        _running.callbacks = before


def _oldest_uses(roots: Sequence[Tensor]) -> list[tuple[int, Any]]:
    """The leaves with hooks and the age of the oldest node that uses each, oldest first."""
    oldest: dict[int, tuple[int, Any]] = {}
    seen: set[ArrayFunction] = set()
    stack = [root._node for root in roots if root._node is not None]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        for edge in node.edges:
            if edge is None:
                continue
            target: Any = edge[0]
            if isinstance(target, ArrayFunction):
                if target not in seen:
                    stack.append(target)
            elif target._post_hooks:
                age = oldest.get(id(target), (node.age, target))[0]
                oldest[id(target)] = min(age, node.age), target
    return sorted(oldest.values(), key=lambda use: use[0])


def _finish(walk: Any, leaf: Tensor) -> None:
    """Add the leaf's gradient to `.grad`, if one arrived, and call the hooks."""
    arrived = walk.leaves.pop(id(leaf), None)
    if arrived is None:
        return
    walk.finish_leaf(*arrived)
    hooks: Any = leaf._post_hooks
    for hook in list(hooks.values()):
        hook(leaf)
