"""answers: calls the checks of a cell and yields their Answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .. import answer as package

Answer = package.Answer


def of_cell(source: str, names: dict[str, Any], seed: int | None) -> Iterator[package.Answer]:
    """The answers of a check cell's calls `check.NAME(...)`, each with seed=seed if it is given.

    source: from the exercise in the package. Other statements of the cell are run in their order.
    """
    for line in ast.parse(source).body:
        if not is_check(line):
            exec(compile(ast.Module([line], []), "<check>", "exec"), names)
            continue
        call: Any = line.value  # type: ignore[attr-defined]
        if seed is not None:
            call.keywords = [k for k in call.keywords if k.arg != "seed"]
            call.keywords.append(ast.keyword("seed", ast.Constant(seed)))
        expression = ast.fix_missing_locations(ast.Expression(call))
        found = eval(compile(expression, "<check>", "eval"), names)
        if type(found) is Answer:
            yield found


def is_check(line: ast.stmt) -> bool:
    """Whether a statement is a call of check.NAME."""
    call = line.value if isinstance(line, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "check"
    )
