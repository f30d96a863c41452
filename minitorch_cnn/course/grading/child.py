"""child: runs one check of a submission in this process, and hands on what it says.

The order is what makes the answer the student's own: first the cells that the check needs are run,
then the library is put back to what it was, then the check of the package is called, with the
numbers that the notebook shows and with others. If the library is changed meanwhile, the answer
does not count.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import linecache
import os
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

from . import answers
from .guard import Snapshot
from .program import Step, needed, runnable

SHOWN = 2000  # characters of a line of the report

Emit = Callable[[dict], None]


def run_check(task: dict, snapshot: Snapshot, emit: Emit) -> None:
    """Run a check and emit {"right": ..., "line": ..., "seconds": ...}.

    task: the steps before it, its source and the seeds to check with, None for the visible one.
    """
    start = time.perf_counter()
    found = [Step(*step) for step in task["steps"]]
    try:
        failure, names = run_cells(needed(found, task["check"]))
        changed = snapshot.changes()
        snapshot.restore(changed)
        put_back_imports(found, names)
        with snapshot.watching() as seen:
            try:
                right, line = ask(task["check"], task["seeds"], names)
            except NameError as error:  # the check's own names, such as that of the function
                right, line = False, f"no: it raised {raised(error)}"
        again = [*snapshot.changes(), *seen]
        if strange_threads():
            right, line = False, "no: it starts threads that still run while it is checked"
        elif again:
            right, line = False, f"no: it changes the library while it is checked: {named(again)}"
        elif not right and failure and "NameError" in line:
            line = failure
        elif not right and changed:
            line += f"\n(it had changed the library, which was put back: {named(changed)})"
    except BaseException as error:  # whatever students' code raises, SystemExit also
        right, line = False, f"no: it raised {raised(error)}"
    emit({"right": right, "line": line[:SHOWN], "seconds": time.perf_counter() - start})


def run_cells(found: list[Step]) -> tuple[str, dict[str, Any]]:
    """Run cells as a notebook does: (what the first that fails says or "", the names)."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names, failure = vars(module), ""
    names["__builtins__"] = builtins
    for step in found:
        source, file = runnable(step.source), f"<cell {step.name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            exec(compile(source, file, "exec"), names)
        except BaseException as error:
            if not failure:
                failure = f"no: the cell {step.name!r} raises {raised(error)}"
    return failure, names


def put_back_imports(found: list[Step], names: dict[str, Any]) -> None:
    """Bind again what the exercise imports, such as `check`, whatever a cell has put there."""
    for step in found:
        if step.role == "given":
            for line in ast.parse(runnable(step.source)).body:
                if isinstance(line, (ast.Import, ast.ImportFrom)):
                    module = ast.Module([line], [])
                    with contextlib.suppress(ImportError):
                        exec(compile(module, "<imports>", "exec"), names)


def ask(check: str, seeds: list[int | None], names: dict[str, Any]) -> tuple[bool, str]:
    """Whether all calls of a check cell say yes with all seeds, and the line to report."""
    lines: list[str] = []
    for seed in seeds:
        lines = []
        for answer in answers.of_cell(check, names, seed):
            lines.append(answer.text)
            if answer.right is not True:
                if seed is not None and answer.written:
                    with_others = "no: right for the numbers in the notebook, but with others: "
                    return False, with_others + answer.text.removeprefix("no: ")
                return False, answer.text
        if not lines:
            return False, "no: the check gave no answer"
    return True, "\n".join(lines)


def named(changes: list) -> str:
    """The first names of changed attributes."""
    texts = [str(change) for change in changes[:3]]
    return ", ".join([*texts, "..."] if len(changes) > 3 else texts)


def raised(error: BaseException) -> str:
    """The type and text of an error; a student's class may fail to say it."""
    kind = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    return f"{kind}: {text}" if text else kind


def strange_threads() -> bool:
    """Whether threads run that the library has not started."""
    return any(
        thread is not threading.main_thread()
        and not type(thread).__module__.startswith("minitorch_cnn.")
        and isinstance(getattr(thread, "_target", None), types.FunctionType)
        and getattr(thread, "_target").__code__.co_filename.startswith("<")  # noqa: B009
        for thread in threading.enumerate()
    )


def silence() -> None:
    """Discard what is printed."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = os.fdopen(os.dup(nowhere), encoding="utf-8")
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w", encoding="utf-8", errors="replace")
