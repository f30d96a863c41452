"""Chooses the implementation of an operator: the one that `use` forces, else the fastest by
measurement or by a cost model, else the last registered one that can compute the case.

An operator (conv2d, pool2d, ...) has several implementations of the same functions, one module
each. An operator's __init__ registers its implementations and imports the module of each on first
use. To add an implementation, register it there; the implementation test finds it:

    OPERATOR = Operator("conv2d", _module_of)
    OPERATOR.register("winograd", can=is_three_by_three, needs=NUMBA)

Most operators have the same few implementations; `standard` registers these.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

from .ahead import expect
from .cores import has_threads
from .cuda.array import has_compiler, has_gpu, is_emulated, on_gpu, on_host, with_floats
from .cuda.host_adapter import HostAdapter, Transfer, transfer_of
from .jit import can_compile, has_numba, has_numba_cuda
from .spelling import nearest

MAX_CHOICES = 4096  # remembered per operator
PATIENCE = 1.0  # seconds of computing before a message names a package that would make it faster

_operators: dict[str, "Operator"] = {}
_missed: dict["Need", float] = {}  # the time at which a requirement was first found missing
_said: set["Need"] = set()


class _ThisThread(threading.local):
    """The implementation that `use` forces in this thread, and where it records its cases."""

    forced: Any = None  # a name or None
    record: dict[tuple["Operator", Any], None] | None = None


this_thread = _ThisThread()


def _always(*_) -> bool:
    return True


class Need(NamedTuple):
    """A requirement of an implementation: a package, a compiler or a device."""

    is_met: Callable[[], bool]
    name: str = ""
    how: str = ""  # the command that installs it


NUMPY = Need(_always)  # always installed
NUMBA = Need(has_numba, "Numba", "pip install numba")
COMPILER = Need(has_compiler, "g++ on Linux", "apt install g++")
NUMBA_CUDA = Need(
    lambda: has_gpu() and has_numba_cuda(),
    "numba-cuda with a GPU",
    "pip install 'minitorch_cnn[gpu]'",
)
CUPY = Need(has_gpu, "CuPy with a GPU", "pip install 'minitorch_cnn[gpu]'")


Why = str | Callable[[Any], str]  # the reason, or a function that returns it for a case


class Implementation(NamedTuple):
    """One way to compute an operator's functions."""

    name: str
    can: Callable[[Any], bool]  # whether this implementation can compute a case of the operator
    wants: Callable[[Any], bool]  # whether it is faster there than the implementations before it
    needs: Need
    why: Why  # the reason to prefer it
    cost: Callable[[Any], float] | None  # the seconds that it takes by a model

    def runs_here(self) -> bool:
        return self.needs.is_met()

    def reason(self, case: Any) -> str:
        return self.why if isinstance(self.why, str) else self.why(case)


M = TypeVar("M")  # the type of an operator's implementation modules; `choose` returns one of them


class Operator(Generic[M]):
    """The implementations of one operator, from the definition to the most specialised.

    The one that takes the least time is preferred: by measurement, where `tune` has measured a
    case, else by the cost models, where all that can compute it have one; otherwise the most
    specialised.
    module_of(name): returns the module of an implementation.
    measured(case): the seconds of implementations by name, empty where none was measured.
    """

    def __init__(
        self,
        name: str,
        module_of,  # type: Callable[[str], M]
        measured: Callable[[Any], dict[str, float]] | None = None,
    ):
        self.name = name
        # The comment gives type checkers the type. Without an annotation, editors also follow a
        # call from `choose` into the modules that `module_of` returns.
        self.module_of = module_of
        self.implementations: dict[str, Implementation] = {}
        self.measured = measured
        self._modules: dict[str, M] = {}
        self._choices: dict[Any, M] = {}
        _operators[name] = self

    def register(
        self,
        name: str,
        can=on_host,
        wants=_always,
        needs=NUMPY,
        why: Why = "",
        cost: Callable[[Any], float] | None = None,
    ) -> None:
        """Add an implementation.

        can(case): whether it can compute the case; by default, any case of NumPy arrays.
        wants(case): whether it is faster than the implementations registered before it, and
        `why`.
        needs: the requirement that the machine must meet.
        cost(case): the seconds that it takes by a model.
        """
        self.implementations[name] = Implementation(name, can, wants, needs, why, cost)
        self.forget_choices()

    def forget_choices(self) -> None:
        """Choose anew: after a registration or a measurement."""
        self._choices.clear()

    def choose(self, case: Any):
        """The module of the implementation that computes `case`.

        If the machine does not meet the requirement of a faster implementation, a message on stderr
        names the requirement, once and after a second of computing.
        A forced name that this operator does not have is ignored here. When forced, the
        implementations of devices also take NumPy arrays.
        Raises RuntimeError where the forced implementation does not run on this machine or cannot
        compute the case.
        """
        if this_thread.record is not None:
            this_thread.record[self, case] = None
        implementation, transfer = self._forced(case)
        if implementation is None:
            return self._choice(case)
        module = self.load(implementation.name)
        return module if transfer is None else HostAdapter(module, transfer)

    def _choice(self, case: Any):
        """The module of the preferred implementation, remembered for each case."""
        module = self._choices.get(case)
        if module is None:
            expect(case)
            module = self.load(self.preferred(case).name)
            if len(self._choices) >= MAX_CHOICES:
                self._choices.clear()
            if not self._ranked(case)[1]:  # while something is missing, `preferred` says so
                self._choices[case] = module
        return module

    def _forced(self, case: Any) -> tuple[Implementation | None, Transfer | None]:
        """The implementation that `use` forces here, and how it transfers host arrays."""
        forced = self.implementations.get(this_thread.forced)
        if forced is None:
            return None, None
        if not forced.runs_here():
            raise RuntimeError(
                f"{self.name}: implementation '{forced.name}' does not run on this machine; "
                f"here run {', '.join(available(self.name))}"
            )
        transfer = transfer_of(forced.name) if on_host(case) else None
        if transfer is not None:
            case = case._replace(array=transfer.array)
        if not forced.can(case):
            raise RuntimeError(f"{self.name}: implementation '{forced.name}' cannot do {case}")
        return forced, transfer

    def preferred(self, case: Any) -> Implementation:
        """The implementation that computes `case` unless another one is forced."""
        implementation, missing = self._ranked(case)
        for other in missing:
            if 0 not in getattr(case, "x", ()):  # an empty array takes no computation
                _say_what_is_missing(other.needs)
        return implementation

    def _ranked(self, case: Any) -> tuple[Implementation, list[Implementation]]:
        """The implementation that computes `case`, and the preferred ones that cannot run here."""
        missing = []
        for implementation in self.ranking(case):
            if implementation.runs_here():
                return implementation, missing
            missing.append(implementation)
        needs = "".join(
            f"; {implementation.needs.name} would ({implementation.needs.how})"
            for implementation in missing
        )
        raise RuntimeError(
            f"{self.name}: no implementation of {', '.join(self.implementations)} can do {case} "
            f"here{needs}"
        )

    def ranking(self, case: Any) -> list[Implementation]:
        """The implementations that can compute a case, the fastest first, installed or not."""
        able = [
            implementation
            for implementation in reversed(self.implementations.values())
            if implementation.can(case) and implementation.wants(case)
        ]
        measured = self.measured(case) if self.measured else {}
        if measured:
            return sorted(able, key=lambda one: measured.get(one.name, math.inf))
        costs = {one.name: one.cost(case) for one in able if one.cost}
        if len(costs) == len(able):
            return sorted(able, key=lambda one: costs[one.name])
        return able

    def explain(self, case: Any) -> tuple[str, str]:
        """The name of the implementation that computes `case` now, and the reason for the choice.

        Raises RuntimeError as `choose` does.
        """
        forced, _ = self._forced(case)
        if forced is not None:
            return forced.name, f'use("{forced.name}") forces it'
        implementation, missing = self._ranked(case)
        if missing:
            needs, best = missing[0].needs, missing[0]
            return implementation.name, (
                f"{needs.name} is not installed ({needs.how}); with it {best.name}: "
                f"{best.reason(case)}"
            )
        return implementation.name, implementation.reason(case)

    def load(self, name: str):
        """The module of the implementation `name`, imported on first use."""
        module = self._modules.get(name)
        if module is None:
            module = self._modules[name] = self.module_of(name)
        return module


def standard(
    name: str,
    loops,  # type: M
    numpy,  # type: M
    numba,  # type: Callable[[], M]
    cuda=None,  # type: Callable[[], M] | None
    numba_cuda=None,  # type: Callable[[], M] | None
    *,
    numpy_can: Callable[[Any], bool] = on_host,
    numba_can: Callable[[Any], bool] = can_compile,
    cuda_can: Callable[[Callable[[Any], bool]], Callable[[Any], bool]] = with_floats,
):
    """An operator with the usual implementations, each registered with what it needs.

    loops, numpy: modules; numba, cuda, numba_cuda: functions that import one, called on first use.
    numpy_can, numba_can: `can` of these, see `Operator.register`.
    cuda_can(where): `can` of the CUDA kernels, which run where `where(case)` is true: on a GPU
    ("cuda") and on a CPU ("emulator").
    """

    def module_of(implementation: str):
        if implementation == "numba":
            return numba()
        if implementation == "numba_cuda" and numba_cuda is not None:
            return numba_cuda()
        if implementation in ("emulator", "cuda") and cuda is not None:
            return cuda()
        return numpy if implementation == "numpy" else loops

    operator = Operator(name, module_of)
    operator.register("loops")
    operator.register("numpy", can=numpy_can)
    operator.register("numba", can=numba_can, needs=NUMBA)
    if numba_cuda is not None:
        operator.register("numba_cuda", can=on_gpu, needs=NUMBA_CUDA)
    if cuda is not None:
        operator.register("emulator", can=cuda_can(is_emulated), needs=COMPILER)
        operator.register("cuda", can=cuda_can(on_gpu), needs=CUPY)
    return operator


def _say_what_is_missing(need: Need) -> None:
    """Print the message once, in a process that keeps computing; inspecting a network's shapes is
    too short to print it. A browser has nothing to install.
    """
    now = time.monotonic()
    if need not in _said and has_threads() and now - _missed.setdefault(need, now) >= PATIENCE:
        _said.add(need)
        print(
            f"minitorch_cnn: {need.name} is not installed, so this runs more slowly ({need.how})",
            file=sys.stderr,
        )


def names() -> list[str]:
    """The names of all implementations of all operators."""
    return list(
        dict.fromkeys(name for operator in _operators.values() for name in operator.implementations)
    )


def available(operator: str) -> list[str]:
    """The implementations of an operator that run on this machine, `loops` first.

    Raises KeyError for an unknown operator.

    >>> available("conv2d")
    ['loops', 'numpy']
    """
    if operator not in _operators:
        raise KeyError(
            f"available: no operator {operator!r}; the operators are {', '.join(_operators)}"
        )
    return [
        implementation.name
        for implementation in _operators[operator].implementations.values()
        if implementation.runs_here()
    ]


@contextmanager
def use(name: str) -> Iterator[None]:
    """Force the implementation `name` in every operator that has it, in this thread and block.

    Blocks nest.
    Raises KeyError for a name that no operator has.

    >>> with use("loops"):
    ...     y = conv2d_forward(x, w, Window(3))
    """
    if name not in names():
        raise KeyError(
            f"use: no implementation {name!r}; the implementations are {', '.join(names())}"
            f"{nearest(name, names())}"
        )
    before, this_thread.forced = this_thread.forced, name
    try:
        yield
    finally:
        this_thread.forced = before
