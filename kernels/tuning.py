"""`tune` measures the implementations of the convolutions that a program computes.

The times are kept per processor (tuned_file.py), and later programs choose by them. Where nothing
was measured, a model of costs chooses (conv2d/cost.py).
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from . import conv2d, tuned_file
from .conv2d import OPERATOR, Case
from .dispatch import this_thread, use
from .threads import get_num_threads
from .tuned_file import Tuned

SLOWER = 8  # an implementation that takes so many times the best by the model is not measured
BUDGET = 0.05  # seconds of measuring one implementation, at least CALLS calls
CALLS = 3

_tuned: Tuned | None = None  # None: not read yet


def tuned() -> Tuned:
    """The measured times of this machine, read once."""
    global _tuned
    if _tuned is None:
        _tuned = _read()
    return _tuned


def _read() -> Tuned:
    try:
        found = tuned_file.read(tuned_file.path())
    except tuned_file.TunedFileError as error:
        tuned_file.warn(f"{error}: times are modelled; mt.kernels.tune measures anew")
        found = None
    return found or Tuned({}, get_num_threads())


def measured(case: Case) -> dict[str, float]:
    """The seconds that implementations took for a case, empty if it was not measured."""
    return tuned().seconds.get(words(case), {})


def tuned_by() -> dict[str, str] | None:
    """The name and the SHA-256 of the file of measured times in use; None if there is none."""
    if not tuned().digest:
        return None
    return {"file": tuned_file.path().name, "sha256": tuned().digest}


def words(case: Case) -> str:
    """A case as text: the key of its times."""
    shapes = ("x".join(map(str, shape)) for shape in (case.x, case.w))
    window = case.window
    parts = (
        case.function,
        np.dtype(case.dtype).name,
        *shapes,
        f"stride={window.stride}",
        f"padding={window.padding}",
        f"dilation={window.dilation}",
        f"groups={case.groups}",
    )
    return " ".join(str(part).replace(" ", "") for part in parts)


def tune(run: Callable[[], Any] | Iterable[tuple | dict[str, Any]]) -> Path | None:
    """Measure the implementations of convolutions, and choose by these times from now on.

    run: a function, such as `lambda: net(x)` or a training step, whose convolutions are measured
    (those that this thread computes), or a list of `explain`'s arguments, a tuple or a dict for
    each convolution, of which all three directions are measured.

    The times are kept in the user's cache folder for this processor, with those of earlier calls.
    Returns the file, or None where it cannot be written: then the times last as long as the
    process, and a message says so. The same file gives the same choices.

    >>> mt.kernels.tune(lambda: net(x).sum().backward())
    >>> mt.kernels.tune([((8, 64, 56, 56), (64, 64, 3, 3), 1, 1)])

    Raises TypeError where run is neither; what `run` raises, and what `explain` raises for its
    arguments; RuntimeError within `use`, which would not let them compete.
    """
    global _tuned
    if this_thread.forced is not None:
        raise RuntimeError(f'tune: within use("{this_thread.forced}") nothing else is measured')
    times = {words(case): _measure(case) for case in _cases(run) if _competes(case)}
    _tuned = None  # another process may have written meanwhile
    before, threads = tuned(), get_num_threads()
    kept = before.seconds if before.threads == threads else {}
    _tuned, file = Tuned({**kept, **times}, threads), tuned_file.path()
    OPERATOR.forget_choices()
    try:
        tuned_file.write(file, _tuned)
    except OSError as error:
        tuned_file.warn(f"tune: {file} cannot be written ({error.strerror}); the times are lost")
        return None
    _tuned = _read()
    return file


def _cases(run: Any) -> list[Case]:
    """The different convolutions of a function or a list."""
    if not callable(run):
        if isinstance(run, (str, bytes)) or not isinstance(run, Iterable):
            raise TypeError(
                f"tune: run={run!r} must be a function, or a list of explain's arguments"
            )
        settings = [one if isinstance(one, dict) else tuple(one) for one in run]
        cases = [
            conv2d.cases_of(**one) if isinstance(one, dict) else conv2d.cases_of(*one)
            for one in settings
        ]
        return [case for three in cases for case in three]
    before, this_thread.record = this_thread.record, {}
    try:
        run()
        return [case for operator, case in this_thread.record if operator is OPERATOR]
    finally:
        this_thread.record = before


def _competes(case: Case) -> bool:
    """Whether there is a choice: host arrays, and a product that is not empty."""
    return case.array is np.ndarray and case.macs > 0 and len(_competitors(case)) > 1


def _competitors(case: Case) -> list[str]:
    """The implementations that are measured: those that run here and are no hopeless cases."""
    able = [
        one
        for one in OPERATOR.implementations.values()
        if one.can(case) and one.cost and one.runs_here()
    ]
    costs = {one.name: one.cost(case) for one in able if one.cost}
    return [name for name, cost in costs.items() if cost <= SLOWER * min(costs.values())]


def _measure(case: Case) -> dict[str, float]:
    """The least time of each competitor, in turns."""
    call = _call(case)
    calls = {}
    for name in _competitors(case):
        with use(name):
            call()  # compiles
        calls[name] = name
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + BUDGET * len(calls)
    while len(next(iter(times.values()))) < CALLS or time.perf_counter() < end:
        for name, found in times.items():
            with use(name):
                begin = time.perf_counter()
                call()
                found.append(time.perf_counter() - begin)
    return {name: min(found) for name, found in times.items()}


def _call(case: Case) -> Callable[[], Any]:
    """The convolution of a case, on random arrays."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.standard_normal(shape).astype(case.dtype)  # noqa: E731
    window, groups, size = case.window, case.groups, case.x[2:]
    outputs = case.x[0], case.w[0], *window.output_size(*size)
    if case.function == "conv2d_forward":
        x, w = draw(*case.x), draw(*case.w)
        return lambda: conv2d.conv2d_forward(x, w, window, groups)
    if case.function == "conv2d_input_grad":
        gy, w = draw(*outputs), draw(*case.w)
        return lambda: conv2d.conv2d_input_grad(gy, w, window, size, groups)
    x, gy = draw(*case.x), draw(*outputs)
    return lambda: conv2d.conv2d_weight_grad(x, gy, window, groups)
