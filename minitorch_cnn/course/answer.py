"""The answer of a check: yes or no with a reason, whatever the student's function does."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import linecache
import traceback
from collections.abc import Callable, Iterator

from .compare import No

__all__ = ["Answer", "borrowing", "check", "expect", "runs"]

LINES, COLUMNS = 4, 300  # limits of a shown text of the student's function


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a check found; true if the student's function is right.

    text: the printed lines. written: false for an optional piece that is not written, and for a
    hole.
    """

    right: bool
    text: str
    written: bool = True

    def __bool__(self) -> bool:
        return self.right

    def _ipython_display_(self) -> None:
        """Show nothing in a notebook: the answer is printed already."""


def check(question: Callable[..., str]) -> Callable[..., Answer]:
    """Turn a function that returns the reason for a yes, or raises, into one that prints the
    answer and returns it.

    Any exception is a no, with the line of the student's cell that raised it, since students' code
    may fail in any way. If their function returns an unusable value, the answer quotes the first
    line of the question's docstring. An optional piece that is not written is neither yes nor no.
    Settings, as seed=, are the question's.
    """

    @functools.wraps(question)
    def answer(*args, **settings) -> Answer:
        silent: list[str] = []
        right, written = False, True
        try:
            said = f"yes: {question(*(noting(arg, silent) for arg in args), **settings)}"
            right = True
        except No as no:
            said = f"{no.begins}: {no}"
        except NotImplementedError as error:
            text, written = str(error), False
            optional = text.startswith("optional: ")
            said = f"not written, and {text}" if optional else f"no: it raised {named(error)}"
        except Exception as error:
            line = line_of_student(error, args)
            if line:
                said = f"no: it raised {named(error)}\n    {line}"
            elif silent:
                said = f"no: {silent[0]} returned None: is there no return?"
            else:
                asked = (question.__doc__ or "").partition("\n")[0]
                said = f"no: what it returns cannot be used: {named(error)}\n    asked for: {asked}"
        said = shortened(said)
        print(said)
        return Answer(right, said, written)

    return answer


def expect(condition: object, claim: str) -> None:
    """Print a no with the claim if it is false; the notebook continues."""
    if not condition:
        print(f"no: this should be true, but is not: {claim}")


def runs(function: Callable, *args) -> bool:
    """Whether an optional function is written, and raises nothing."""
    try:
        function(*args)
    except Exception:
        return False
    return True


@contextlib.contextmanager
def borrowing(function: Callable, **right: Callable) -> Iterator[None]:
    """Let a student's function call right ones instead of the student's own of these names.

    So a mistake in one function does not make those wrong that call it.
    """
    names = getattr(inspect.unwrap(function), "__globals__", {})
    own = {name: names[name] for name in right if name in names}
    try:
        names.update({name: right[name] for name in own})
        yield
    finally:
        names.update(own)


def noting(argument, silent: list[str]):
    """Wrap a function to add its name to `silent` if it returns None; keep other arguments."""
    if not inspect.isfunction(argument):
        return argument

    @functools.wraps(argument)
    def call(*args, **settings):
        value = argument(*args, **settings)
        if value is None:
            silent.append(argument.__name__)
        return value

    return call


def line_of_student(error: Exception, functions) -> str:
    """The innermost line of the students' cells in a traceback, or ""."""
    cells = {id(f.__globals__) for f in functions if inspect.isfunction(f)}
    frames = [at for at in traceback.walk_tb(error.__traceback__) if id(at[0].f_globals) in cells]
    if not frames:
        return ""
    code, line = frames[-1][0].f_code, frames[-1][1]
    text = linecache.getline(code.co_filename, line).strip()
    return f"line {line} of the cell, in {code.co_name}" + (f": {text}" if text else "")


def named(error: Exception) -> str:
    """The type and the message of an error."""
    if isinstance(error, RecursionError):
        return "RecursionError: it calls itself until Python's stack of about 1,000 calls is full"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def shortened(text: str) -> str:
    """The first lines of a text, each cut to a limit."""
    lines = text.splitlines()
    cut = [line if len(line) <= COLUMNS else f"{line[:COLUMNS]} ..." for line in lines[:LINES]]
    return "\n".join([*cut, "..."] if len(lines) > LINES else cut)
