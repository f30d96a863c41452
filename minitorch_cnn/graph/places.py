"""Identify the framework function that a net called when a node is recorded.

A function such as `F.layer_norm` or `x.mean()` records several nodes; a net's author knows the
function. It is identified from the stack frames: the outermost frame in the framework's own
arithmetic is the function that the net called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import NamedTuple

PACKAGE = __name__.partition(".")[0]
FUNCTIONS = (f"{PACKAGE}.functional.", f"{PACKAGE}.tensor.")
UNDERNEATH = (f"{PACKAGE}.autograd.", f"{PACKAGE}.graph.")
# Frames that surround functions of any name.
WRAPPERS = {"by_float32", "call_ufunc", "in_place", "method", "replace"}


class Place(NamedTuple):
    """When a node was recorded, and under which call of which function.

    call: distinguishes calls of functions that follow each other. layerlike: whether the function
    is in `nn.functional`, not a tensor's own. own: whether a net defines it
    (mt.autograd.Function), under its class.
    """

    time: int
    function: str
    call: int
    layerlike: bool
    own: bool = False


class Places:
    """Finds the places of nodes as they are recorded."""

    def __init__(self) -> None:
        self.frame: FrameType | None = None  # of the current call, so that no other gets its id
        self.calls = 0

    def at(self, time: int) -> Place:
        """The place of the node that is being recorded."""
        frames = list(_frames())
        outer = frames[-1] if frames else None
        if outer is None or outer is not self.frame:
            self.calls += 1
        self.frame = outer
        if outer is None:
            return Place(time, "", self.calls, False)
        if outer.f_globals["__name__"] == f"{PACKAGE}.autograd.function":
            return Place(time, outer.f_locals["cls"].__name__, self.calls, False, True)
        called = [frame.f_code.co_name for frame in frames]
        words = [name for name in called if name.isidentifier() and name not in WRAPPERS]
        named = [name for name in words if not name.startswith("_")]
        layerlike = str(outer.f_globals["__name__"]).startswith(FUNCTIONS[0])
        return Place(time, (named or words or [""])[-1].rstrip("_"), self.calls, layerlike)


def _frames() -> Iterator[FrameType]:
    """The frames of tensor and layer functions from the innermost on, up to their caller; those of
    an operation of the net's own up to its `apply`.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(FUNCTIONS):
            yield frame
        elif not module.startswith(UNDERNEATH):
            break
        frame = frame.f_back
    while frame is not None and frame.f_code.co_name != "recorded_call":
        own = frame.f_globals.get("__name__") == f"{PACKAGE}.autograd.function"
        if own and frame.f_code.co_name == "apply":
            yield frame
            return
        frame = frame.f_back
