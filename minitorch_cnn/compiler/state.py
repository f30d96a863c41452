"""What a program was made from: modules, and weights with their versions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat
from operator import attrgetter, is_
from typing import Any

import numpy as np

from ..kernels.jit import has_numba
from ..nn import Module

TABLES = ("_parameters", "_buffers", "_modules")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
END = object()  # after the last object of a list, so that lists of two lengths differ

_array, _counter, _count = map(attrgetter, ("array", "_counter", "count"))


class State:
    """The modules of a model in evaluation mode, without hooks, and the tensors that they hold.

    `holds` compares all of them with the model as it is now. It runs before every call of a
    compiled model: objects are compared by identity, in loops that are not Python's.
    """

    def __init__(self, model: Module) -> None:
        modules = list(model.modules())
        self._types = [type(module) for module in modules]
        self._modules = modules
        self._dicts = [vars(module) for module in modules]
        tables = [d[name] for d in self._dicts for name in TABLES]
        self._full = [table for table in tables if table]
        self._empty = [table for table in tables if not table]  # and must stay so
        self._empty += [d[name] for d in self._dicts for name in HOOKS]
        self._members = [*chain.from_iterable(map(dict.values, self._full)), END]
        members = (m for d in self._dicts for name in TABLES[:2] for m in d[name].values())
        self._tensors = [t for t in members if t is not None]
        self._arrays = list(map(_array, self._tensors))
        self._counters = [t._shared_counter() for t in self._tensors]
        self._counts = list(map(_count, self._counters))
        self._forwards = list(map(dict.get, self._dicts, repeat("forward")))

    @staticmethod
    def possible(model: Module) -> bool:
        """Whether programs can stand for a model: it is in evaluation mode, on the host, unhooked.

        They need Numba.
        """
        modules = list(model.modules())
        tensors = [t for m in modules for t in (*m._parameters.values(), *m._buffers.values())]
        return (
            has_numba()
            and not any(module.training or module.has_hooks() for module in modules)
            and all(type(t.array) is np.ndarray for t in tensors if t is not None)
        )

    def holds(self) -> bool:
        """Whether modules, tensors, their arrays and versions, hooks and modes are as before."""
        return (
            not any(map(dict.get, self._dicts, repeat("training")))
            and not any(self._empty)
            and _same(chain.from_iterable(map(dict.values, self._full)), self._members)
            and all(map(is_, map(_array, self._tensors), self._arrays))
            and all(map(is_, map(_counter, self._tensors), self._counters))
            and list(map(_count, self._counters)) == self._counts
            and all(map(is_, map(type, self._modules), self._types))
            and all(map(is_, map(dict.get, self._dicts, repeat("forward")), self._forwards))
        )

    def records(self) -> bool:
        """Whether a tensor of the model requires grad."""
        return any(map(attrgetter("requires_grad"), self._tensors))


def _same(objects: Iterable[Any], others: list[Any]) -> bool:
    """Whether they are the same objects in the same order; the others' last is END."""
    return all(map(is_, chain(objects, (END,)), others))
