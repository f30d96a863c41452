"""Identify the framework function that a net called when an operation is recorded.

A function such as `F.layer_norm` or `x.mean()` records several operations; a net's author knows the
function. It is identified from the stack frames of the operation: the outermost frame in the
framework's own arithmetic is the function that the net called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from .. import nn
from ..autograd.array_function import ArrayFunction
from ..nn.hooks import Gate
from ..tensor.movement import Cast, Clone, Move

Time = tuple[int, int]  # see `trace.Clock`

PACKAGE = __name__.partition(".")[0]
FUNCTIONS = (f"{PACKAGE}.functional.", f"{PACKAGE}.tensor.")
UNDERNEATH = (f"{PACKAGE}.autograd.", f"{PACKAGE}.analysis.")
# Frames that surround functions of any name.
WRAPPERS = {"by_float32", "call_ufunc", "in_place", "method", "replace"}
MOVING = (Cast, Clone, Move, Gate)
LAYERS = {name.lower(): name for name in dir(nn) if name[:1].isupper()}


@dataclass
class FunctionCall:
    """A call of a function, and the one or more operations that it recorded.

    name: the function's. frame: that of the call, while it may still be running. layerlike: whether
    the function is in `nn.functional`, not a tensor's own.
    """

    time: Time
    name: str
    layerlike: bool
    frame: FrameType | None
    nodes: list[ArrayFunction]

    @property
    def type(self) -> str:
        """The name in class form: that of the corresponding layer or operation, if there is one."""
        plain = self.name.replace("_", "").lower()
        kinds = [type(node).__name__ for node in self.nodes if not moves(node)]
        if len(kinds) == 1 and kinds[0].lower() == plain:
            return kinds[0]
        return LAYERS.get(plain) or "".join(part.capitalize() for part in self.name.split("_"))

    def only_moves(self) -> bool:
        """Whether it only moves or copies numbers, and has no corresponding layer."""
        return not self.layerlike and all(map(moves, self.nodes))


def moves(node: ArrayFunction) -> bool:
    """Whether an operation leaves all numbers unchanged."""
    return node.is_view or isinstance(node, MOVING)


def function_of(node: ArrayFunction, time: Time) -> FunctionCall:
    """The call under which `node` is being recorded."""
    frames = list(_frames())
    if not frames:  # an operation that the net defines
        return FunctionCall(time, type(node).__name__.lower(), False, None, [node])
    called = [frame.f_code.co_name for frame in frames]
    words = [name for name in called if name.isidentifier() and name not in WRAPPERS]
    named = [name for name in words if not name.startswith("_")]
    name = (named or [type(node).__name__.lower()])[-1].rstrip("_")
    outer = frames[-1]
    layerlike = str(outer.f_globals["__name__"]).startswith(FUNCTIONS[0])
    return FunctionCall(time, name, layerlike, outer, [node])


def _frames() -> Iterator[FrameType]:
    """The frames of tensor and layer functions from the innermost on, up to their caller."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(FUNCTIONS):
            yield frame
        elif not module.startswith(UNDERNEATH):
            return
        frame = frame.f_back
