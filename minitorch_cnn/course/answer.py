"""How a check answers: yes or no, with the reason, whatever the student's function does."""

from __future__ import annotations

import functools
import inspect
import linecache
import traceback
from collections.abc import Callable

from .compare import No

__all__ = ["check", "expect", "runs"]

LINES, COLUMNS = 4, 300  # what is shown of a text that the student's function made


def check(question: Callable[..., str]) -> Callable[..., None]:
    """Turn a function that returns why the answer is yes, or raises, into one that prints it.

    An exception of any kind is a no, with the line of the student's cell that raised it: what
    students hand in may fail in any way. Where their function raises nothing, but what it returns
    cannot be used, the first line of the question's docstring says what is asked for. A piece that
    may be left out, and is, is neither a yes nor a no.
    """

    @functools.wraps(question)
    def answer(*args) -> None:
        silent: list[str] = []
        try:
            said = f"yes: {question(*(noting(arg, silent) for arg in args))}"
        except No as no:
            said = f"no: {no}"
        except NotImplementedError as error:
            text = str(error)
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
        print(shortened(said))

    return answer


def expect(condition: object, claim: str) -> None:
    """Print a no that says what should be so, where it is not; the notebook goes on."""
    if not condition:
        print(f"no: this should be so, and is not: {claim}")


def runs(function: Callable, *args) -> bool:
    """Whether a function that may be left out is written, and raises nothing."""
    try:
        function(*args)
    except Exception:
        return False
    return True


def noting(argument, silent: list[str]):
    """A function that notes its name in `silent` where it returns None; other arguments as is."""
    if not inspect.isfunction(argument):
        return argument

    def call(*args, **settings):
        value = argument(*args, **settings)
        if value is None:
            silent.append(argument.__name__)
        return value

    return call


def line_of_student(error: Exception, functions) -> str:
    """The innermost line of the cells that functions were written in; "" if none is in it."""
    cells = {id(f.__globals__) for f in functions if inspect.isfunction(f)}
    frames = [at for at in traceback.walk_tb(error.__traceback__) if id(at[0].f_globals) in cells]
    if not frames:
        return ""
    code, line = frames[-1][0].f_code, frames[-1][1]
    text = linecache.getline(code.co_filename, line).strip()
    return f"line {line} of the cell, in {code.co_name}" + (f": {text}" if text else "")


def named(error: Exception) -> str:
    """The class of an error and its message."""
    if isinstance(error, RecursionError):
        return "RecursionError: it calls itself until Python's stack of about 1,000 calls is full"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def shortened(text: str) -> str:
    """The first lines of a text, and the beginning of each."""
    lines = text.splitlines()
    cut = [line if len(line) <= COLUMNS else f"{line[:COLUMNS]} ..." for line in lines[:LINES]]
    return "\n".join([*cut, "..."] if len(lines) > LINES else cut)
