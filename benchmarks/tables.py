"""Tables as Markdown: of one run, and of all results side by side, a column for each processor.

python -m benchmarks.tables        writes results/speed.md from the files of rows in results/
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from .records import RESULTS, groups, machine, scaling
from .timing import geometric_mean


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
        head = [f"# {title}", f"`{' '.join([command, *names])}`"]
        head.append(", ".join(f"{key} {value}" for key, value in facts.items()) + ".")
        text = "\n\n".join([*head, markdown(list(self.columns), self.rows)]) + "\n"
        Path(path).write_text(text, encoding="utf-8")


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text."""
    rule = [":--", *["--:"] * (len(columns) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])


UNUSUAL = ("formats", "restricted")  # facts of a machine that the heading of its column names

# Of each benchmark: a title, its command, and the fields that rows of one line have in common.
SECTIONS = {
    "models": ("Networks", "models --vs torch", ["model", "batch", "mode", "threads"]),
    "inference": (
        "Inference",
        "inference --vs torch,onnxruntime,openvino",
        ["measure", "mode", "model", "threads"],
    ),
    "memory": ("Peak memory of training", "memory --vs torch", ["model", "batch", "threads"]),
    "conv": (
        "Convolutions",
        "conv --vs torch,onnxruntime --chosen",
        ["suite", "batch", "direction", "threads"],
    ),
    "ops": ("Other operations", "ops --vs torch", ["direction", "threads"]),
    "autograd": ("Overhead of graphs of 4x4 matrices", "autograd --vs torch", ["mode", "threads"]),
}


def by_processor(folder: Path = RESULTS) -> str:
    """All results in a folder as Markdown, a section for each benchmark."""
    parts = [
        "# Speed by processor",
        "Our time (or memory) divided by that of the other library: geometric means, and the worst "
        "row in brackets where there are several. Below 1, ours is faster or smaller. Written by "
        "`python -m benchmarks.tables`; how the other library is run: `docs/guide/speed.md`.",
    ]
    facts: dict[str, list[str]] = {}
    for benchmark, (title, command, by) in SECTIONS.items():
        contents = {
            path.stem.removeprefix(f"{benchmark}-"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob(f"{benchmark}-*.json"))
        }
        if contents:
            parts += [f"## {title}", f"`python -m benchmarks.{command} --publish`"]
            parts.append(_section(contents, by))
            for processor, content in contents.items():
                parts += [f"{processor}: {line}." for line in scaling(content["rows"])]
                facts.setdefault(_facts(processor, content), []).append(benchmark)
    parts.append("## Machines")
    parts += [f"{said} ({', '.join(benchmarks)})" for said, benchmarks in facts.items()]
    return "\n\n".join(parts) + "\n"


def _section(contents: dict[str, dict], by: Sequence[str]) -> str:
    """The lines of a benchmark: a line for each group and library, a column for each processor."""
    lines: dict[tuple, dict[str, str]] = {}
    for processor, content in contents.items():
        for group, rows in groups(content["rows"], by).items():
            for library in dict.fromkeys(name for row in rows for name in row["ratio"]):
                values = [row["ratio"][library] for row in rows if library in row["ratio"]]
                text = f"{geometric_mean(values):.2f}"
                text += f" ({max(values):.2f})" if len(values) > 1 else ""
                lines.setdefault((*group, library), {})[processor] = text
    rows = [
        [" ".join(map(str, group[:-2])), str(group[-2]), group[-1],
         *(cells.get(processor, "") for processor in contents)]
        for group, cells in lines.items()
    ]  # fmt: skip
    heads = [_head(processor, content["machine"]) for processor, content in contents.items()]
    return markdown([" ".join(by[:-1]), "threads", "to", *heads], rows)


def _head(processor: str, facts: dict[str, str]) -> str:
    """The heading of a column: the processor, and what was unlike the usual way of measuring."""
    return ", ".join([processor, *(facts[name] for name in UNUSUAL if name in facts)])


def _facts(processor: str, content: dict) -> str:
    """A sentence on the machine of a column, and the days of its rows."""
    dates = sorted({row.get("date", content["machine"]["date"]) for row in content["rows"]})
    facts = {key: value for key, value in content["machine"].items() if key != "date"}
    days = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return f"{processor}: {days}, {', '.join(f'{k} {v}' for k, v in facts.items())}."


if __name__ == "__main__":
    (RESULTS / "speed.md").write_text(by_processor(), encoding="utf-8")
