"""A table that is printed row by row and saved as Markdown, with a description of the machine."""

from __future__ import annotations

import os
from pathlib import Path

from .timing import machine


class Table:
    """Rows under named columns.

    columns: the heading of each column, and the format of its values, such as "8.1f"; the first
    column is text, all others are aligned to the right.
    """

    def __init__(self, columns: dict[str, str]):
        self.columns = columns
        self.rows: list[list[str]] = []
        self._print(list(columns))

    def add(self, *values) -> None:
        """Add a row and print it at once."""
        pairs = zip(values, self.columns.values(), strict=True)
        self.rows.append([format(value, how) for value, how in pairs])
        self._print(self.rows[-1])

    def _print(self, cells: list[str]) -> None:
        first, *others = cells
        print(f"{first:24}", *(f"{cell:>10}" for cell in others), flush=True)

    def save(self, path: str | Path, title: str, command: str, names: list[str]) -> None:
        """Write it as Markdown: title, the command with its names, the machine, the rows."""
        facts = {**machine(), "BLAS threads": os.environ.get("OPENBLAS_NUM_THREADS", "all")}
        rule = [":--", *["--:"] * (len(self.columns) - 1)]
        rows = [f"| {' | '.join(cells)} |" for cells in [list(self.columns), rule, *self.rows]]
        head = [f"# {title}", f"`{' '.join([command, *names])}`"]
        head.append(", ".join(f"{key} {value}" for key, value in facts.items()) + ".")
        text = "\n\n".join(head) + "\n\n" + "\n".join(rows) + "\n"
        Path(path).write_text(text, encoding="utf-8")
