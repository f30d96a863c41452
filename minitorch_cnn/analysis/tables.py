"""Costs of networks as text: a table for the screen, Markdown, LaTeX, or CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from ..spelling import one_of
from .published_errors import PUBLISHED_ERRORS

if TYPE_CHECKING:
    from .summary import Row, Summary

# The columns of the lecture's tables, then activation functions and receptive field.
HEAD = (
    *("layer", "type", "then"),
    *("C_in", "H/W", "filters", "kernel", "stride", "pad", "C_out", "H/W"),
    *("KB", "params k", "M", "field", "jump"),
)
TEXT_COLUMNS = 3  # the others are numbers, aligned right


def format_summary(summary: Summary, format: str) -> str:
    """See `Summary.format`."""
    if format == "csv":
        return _csv(summary.rows)
    layouts = {"table": _table, "markdown": _markdown, "latex": _latex}
    if format not in layouts:
        raise ValueError(f"summary: format={format!r} {one_of(format, [*layouts, 'csv'])}")
    body = [_cells(row) for row in summary.rows if row.memory_bytes or row.params or row.macs]
    numbers = summary.total_activation_bytes, summary.total_params, summary.total_ops
    total = ("total", *[""] * 10, *_costs(*numbers), "", "")
    return layouts[format](body, total, _totals(summary))


def _totals(summary: Summary) -> str:
    """The exact sums in a sentence."""
    return (
        f"{summary.total_params:,} parameters, {summary.trainable_params:,} of them trainable, "
        f"{summary.total_macs:,} multiply-adds, "
        f"{summary.total_activation_bytes / 2**20:,.2f} MiB of activations for one sample"
    )


def _cells(row: Row) -> tuple[str, ...]:
    filters = row.output_shape[:1] if row.kernel and row.macs else ""
    return (
        row.name,
        row.type,
        row.then,
        _first(row.input_shape),
        _sides(row.input_shape[1:]),
        _sides(filters),
        _sides(row.kernel),
        _sides(row.stride),
        _sides(row.padding),
        _first(row.output_shape),
        _sides(row.output_shape[1:]),
        *_costs(row.memory_bytes, row.params, row.ops),
        _sides(row.receptive_field),
        _sides(row.jump),
    )


def _first(shape: tuple[int, ...]) -> str:
    """The channels, or nothing of a layer that did not run."""
    return str(shape[0]) if shape else ""


def _sides(pair: Any) -> str:
    """7 for (7, 7), 7x1 for (7, 1)."""
    if pair is None or isinstance(pair, str):
        return pair or ""
    if not pair:
        return ""
    return "x".join(f"{n:g}" for n in (pair[:1] if len(set(pair)) == 1 else pair))


def _costs(memory_bytes: int, params: int, ops: int) -> tuple[str, str, str]:
    """KB, thousands of parameters, millions of operations."""
    kilobytes = f"{memory_bytes / 1024:,.2f}".removesuffix("0").removesuffix(".0")
    return kilobytes, f"{params / 1e3:,.1f}" if params else "0", f"{ops / 1e6:,.1f}" if ops else "0"


def _table(body: Any, total: Any, totals: str) -> str:
    head, *text, last = _aligned([HEAD, *body, total], TEXT_COLUMNS)
    rule = "-" * max(map(len, (head, *text, last)))
    return "\n".join([head, rule, *text, rule, last, "", totals])


def format_totals(summaries: dict[str, Summary]) -> str:
    """The sums of several models, one line each, with the published top-1 error if there is one."""
    lines = [("model", "parameters", "multiply-adds", "activations", "top-1 error")]
    for name, summary in summaries.items():
        memory = f"{summary.total_activation_bytes / 2**20:,.2f} MiB"
        error = f"{PUBLISHED_ERRORS[name].top1:.1f} %" if name in PUBLISHED_ERRORS else ""
        lines.append((name, f"{summary.total_params:,}", f"{summary.total_macs:,}", memory, error))
    return "\n".join(_aligned(lines, 1))


def _aligned(lines: list[tuple[str, ...]], text_columns: int) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _markdown(body: Any, total: Any, totals: str) -> str:
    align = ["---"] * TEXT_COLUMNS + ["---:"] * (len(HEAD) - TEXT_COLUMNS)
    lines = [f"| {' | '.join(line)} |" for line in (HEAD, align, *body, total)]
    return "\n".join([*lines, "", totals])


def _latex(body: Any, total: Any, totals: str) -> str:
    """A LaTeX tabular that needs no package."""
    columns = "l" * TEXT_COLUMNS + "r" * (len(HEAD) - TEXT_COLUMNS)
    lines = [f"{' & '.join(line)} \\\\".replace("_", r"\_") for line in (HEAD, *body, total)]
    return "\n".join(
        [
            f"% {totals}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:-1],
            r"\hline",
            lines[-1],
            r"\hline",
            r"\end{tabular}",
        ]
    )


def _csv(rows: list[Row]) -> str:
    """Every field of every row; shapes and pairs as 3x224x224."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0]._fields)
    for row in rows:
        writer.writerow("x".join(map(str, v)) if isinstance(v, tuple) else v for v in row)
    return text.getvalue().removesuffix("\n")
