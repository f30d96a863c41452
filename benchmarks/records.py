"""The rows of a benchmark: kept in a file for each processor, and summarised.

A row is a dict. Its texts and integers say what was measured, "threads" among them; "ms" is {name:
milliseconds} and "ratio" {library: our time divided by that of the library}.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minitorch_cnn.kernels.machine import VARIABLE
from minitorch_cnn.kernels.machine import machine as described_machine
from minitorch_cnn.kernels.tuned_file import cpu_info

from .allocator import keeps_memory
from .instructions import are_restricted, described, restrictions
from .timing import geometric_mean

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, str]:
    """The hardware and software of the measurements."""
    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "instructions": described_machine().instructions,
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "allocator": "keeps its memory" if keeps_memory() else "the system's",
    }
    if restrictions():
        who = "all libraries" if are_restricted() else "only our kernels"
        facts["restricted"] = f"{who} restricted to {described()}"
    try:
        import torch

        facts["torch"] = torch.__version__
    except ImportError:
        pass
    return facts


def file_of(benchmark: str) -> Path:
    """The published results of a benchmark on this processor."""
    return RESULTS / f"{benchmark}-{slug()}.json"


def keep(path: str | Path, facts: dict[str, Any], rows: list[dict]) -> None:
    """Write rows to a file; rows of the file that were not measured again stay as they are.

    Raises: ValueError if the file's rows come from another processor.
    """
    path, before = Path(path), []
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["machine"]["processor"] != facts["processor"]:
            raise ValueError(
                f"keep: {path} has rows of {content['machine']['processor']}, not of "
                f"{facts['processor']}"
            )
        before = content["rows"]
    merged = {tuple(measured(row).items()): row for row in before}
    merged |= {tuple(measured(row).items()): row | {"date": facts["date"]} for row in rows}
    text = json.dumps({"machine": facts, "rows": list(merged.values())}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def measured(row: dict) -> dict[str, str | int]:
    """What a row measured, which no other row of a benchmark did."""
    found = {name: value for name, value in row.items() if isinstance(value, str | int)}
    return {name: value for name, value in found.items() if name not in ("chosen", "date")}


def groups(rows: list[dict], by: Sequence[str]) -> dict[tuple, list[dict]]:
    """The rows with equal fields `by`."""
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in by), []).append(row)
    return found


def means(rows: list[dict], by: Sequence[str], unit: str = "time") -> Iterator[str]:
    """A line for each group and library: the geometric mean of the ratios, and the worst row."""
    fields = [name for name in measured(rows[0]) if name not in by]
    different = [name for name in fields if len({row[name] for row in rows}) > 1] or fields
    for group, members in groups(rows, by).items():
        for library in dict.fromkeys(name for row in members for name in row["ratio"]):
            compared = [row for row in members if library in row["ratio"]]
            values = [row["ratio"][library] for row in compared]
            worst = compared[values.index(max(values))]
            name = " ".join(str(worst[field]) for field in different)
            yield (
                f"{' '.join(map(str, group)) or 'all':24} geometric mean "
                f"{geometric_mean(values):.2f} x {library}'s {unit}, no row above "
                f"{max(values):.2f} ({name}), {len(values)} rows"
            )


def scaling(rows: list[dict]) -> Iterator[str]:
    """A line for each number of threads: how many times faster each library is than with fewest."""
    fewest = min(row["threads"] for row in rows)
    single = {_but_threads(row): row.get("ms", {}) for row in rows if row["threads"] == fewest}
    for (threads,), members in sorted(groups(rows, ["threads"]).items()):
        faster: dict[str, list[float]] = {}
        for row in members:
            for name, ms in single.get(_but_threads(row), {}).items():
                if name in row["ms"]:
                    faster.setdefault(name, []).append(ms / row["ms"][name])
        if threads != fewest and faster:
            means = (f"{name} {geometric_mean(values):.2f}" for name, values in faster.items())
            yield f"{threads} threads, times as fast as {fewest}: {', '.join(means)}"


def _but_threads(row: dict) -> tuple:
    return tuple(value for name, value in measured(row).items() if name != "threads")


def slug() -> str:
    """The processor and its vector instructions as part of a file's name."""
    words = re.sub(r"\(\w+\)|@.*", "", _processor().lower()).split()
    name = "-".join(word for word in words if word not in ("cpu", "processor"))
    as_if = "-as" if os.environ.get(VARIABLE) else ""
    return f"{name}{as_if}-{described_machine().instructions}"


def _processor() -> str:
    """The processor's name, and its family if the name has no number, as of virtual machines."""
    name = cpu_info("model name") or platform.processor() or platform.machine()
    return _with_family(name, cpu_info("cpu family"))


def _with_family(name: str, family: str | None) -> str:
    return f"{name} family {family}" if family and not re.search(r"\d", name) else name
