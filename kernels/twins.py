"""Which twin of an op runs: the one that `use` forces, else the last registered that wants to.

A room (conv2d, pool2d, ...) computes the same functions in several ways, its twins, one module
each. A twin joins by one line in its room's __init__; nothing else changes, and the twin test finds
it there:

    ROOM.register("winograd", ".winograd", can=is_three_by_three, needs=NUMBA)
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from .cuda.array import Lender, Lent, has_compiler, has_gpu, on_host
from .jit import has_numba, has_numba_cuda

PATIENCE = 1.0  # seconds of computing after which a line says what would make it faster

_rooms: dict[str, "Room"] = {}
_missed: dict["Need", float] = {}  # when what a twin needs was first found missing
_said: set["Need"] = set()


class _ThisThread(threading.local):
    """What `use` forces in one thread."""

    forced: str | None = None


this_thread = _ThisThread()


def _always(*_) -> bool:
    return True


class Need(NamedTuple):
    """What a twin needs from the machine."""

    is_met: Callable[[], bool]
    name: str = ""
    how: str = ""  # to get it


NUMPY = Need(_always)  # which is always there
NUMBA = Need(has_numba, "Numba", "pip install 'minitorch_cnn[fast]'")
COMPILER = Need(has_compiler, "g++ on Linux", "apt install g++")
NUMBA_CUDA = Need(
    lambda: has_numba_cuda() and has_gpu(),
    "numba-cuda with a GPU",
    "pip install 'minitorch_cnn[gpu]'",
)
CUPY = Need(has_gpu, "CuPy with a GPU", "pip install 'minitorch_cnn[gpu]'")


class Twin(NamedTuple):
    """One way to compute a room's functions."""

    name: str
    module: str  # relative to the room's package, imported on first use
    can: Callable[[Any], bool]  # the room's case -> whether this twin computes it
    wants: Callable[[Any], bool]  # whether it is faster there than the twins before it
    needs: Need
    why: str  # to prefer it where it wants to run

    def runs_here(self) -> bool:
        return self.needs.is_met()


class Room:
    """The twins of one op, from the definition to the most special; the later is preferred."""

    def __init__(self, name: str, package: str):
        self.name = name
        self.package = package
        self.twins: dict[str, Twin] = {}
        self._modules: dict[str, ModuleType] = {}
        _rooms[name] = self

    def register(
        self, name: str, module: str, can=on_host, wants=_always, needs=NUMPY, why: str = ""
    ) -> None:
        """Add a twin.

        can(case): whether it computes the case, by default every one of NumPy arrays; wants(case):
        whether it is the fastest so far, and why; needs: what the machine must have.
        """
        self.twins[name] = Twin(name, module, can, wants, needs, why)

    def choose(self, case: Any) -> ModuleType:
        """The module of the twin that computes `case`.

        Where a twin is passed over because the machine lacks what it needs, stderr says so once,
        after a second of computing.
        A forced name that this room does not have forces nothing here. Forced, the twins of devices
        take NumPy arrays, too.
        Raises RuntimeError where the forced twin does not run on this machine or cannot do the
        case.
        """
        twin, lender = self._forced(case)
        if twin is None:
            return self.load(self.preferred(case).name)
        module = self.load(twin.name)
        return module if lender is None else Lent(module, lender)

    def _forced(self, case: Any) -> tuple[Twin | None, Lender | None]:
        """The twin that `use` forces here, and who lends it its arrays."""
        forced = self.twins.get(this_thread.forced)
        if forced is None:
            return None, None
        if not forced.runs_here():
            raise RuntimeError(
                f"{self.name}: twin '{forced.name}' does not run on this machine; "
                f"here run {', '.join(available(self.name))}"
            )
        lender = Lender.of(forced.name) if on_host(case) else None
        if lender is not None:
            case = case._replace(array=lender.array)
        if not forced.can(case):
            raise RuntimeError(f"{self.name}: twin '{forced.name}' cannot do {case}")
        return forced, lender

    def preferred(self, case: Any) -> Twin:
        """The twin that computes `case` unless another one is forced."""
        twin, missing = self._ranked(case)
        for other in missing:
            _say_what_is_missing(other.needs)
        return twin

    def _ranked(self, case: Any) -> tuple[Twin, list[Twin]]:
        """The twin that computes `case`, and those that would before it but cannot run here."""
        missing = []
        for twin in reversed(self.twins.values()):
            if twin.can(case) and twin.wants(case):
                if twin.runs_here():
                    return twin, missing
                missing.append(twin)
        needs = "".join(f"; {twin.needs.name} would ({twin.needs.how})" for twin in missing)
        raise RuntimeError(
            f"{self.name}: no twin of {', '.join(self.twins)} can do {case} here{needs}"
        )

    def explain(self, case: Any) -> tuple[str, str]:
        """The name of the twin that computes `case` now, and why it is that one.

        Raises RuntimeError as `choose` does.
        """
        forced, _ = self._forced(case)
        if forced is not None:
            return forced.name, f'use("{forced.name}") forces it'
        twin, missing = self._ranked(case)
        if missing:
            needs, best = missing[0].needs, missing[0]
            return twin.name, (
                f"{needs.name} is not installed ({needs.how}); with it {best.name}: {best.why}"
            )
        return twin.name, twin.why

    def load(self, name: str) -> ModuleType:
        """The module of the twin `name`, imported now if it was not yet."""
        if name not in self._modules:
            self._modules[name] = import_module(self.twins[name].module, self.package)
        return self._modules[name]


def _say_what_is_missing(need: Need) -> None:
    """Say it once, of a process that goes on computing: not of one look at a net's shapes."""
    now = time.monotonic()
    if need not in _said and now - _missed.setdefault(need, now) >= PATIENCE:
        _said.add(need)
        print(
            f"minitorch_cnn: {need.name} is not installed, so this runs more slowly ({need.how})",
            file=sys.stderr,
        )


def names() -> list[str]:
    """The names of all twins of all rooms."""
    return list(dict.fromkeys(name for room in _rooms.values() for name in room.twins))


def available(room: str) -> list[str]:
    """The twins of a room that run on this machine, `loops` first.

    >>> available("conv2d")
    ['loops', 'numpy']
    """
    if room not in _rooms:
        raise KeyError(f"available: no room {room!r}; the rooms are {', '.join(_rooms)}")
    return [twin.name for twin in _rooms[room].twins.values() if twin.runs_here()]


@contextmanager
def use(name: str) -> Iterator[None]:
    """Force the twin `name` in every room that has it, in this thread, until the block ends.

    Blocks nest.
    Raises KeyError for a name that no room has.

    >>> with use("loops"):
    ...     y = conv2d_forward(x, w, Window(3))
    """
    if name not in names():
        raise KeyError(f"use: no twin {name!r}; the twins are {', '.join(names())}")
    before, this_thread.forced = this_thread.forced, name
    try:
        yield
    finally:
        this_thread.forced = before
