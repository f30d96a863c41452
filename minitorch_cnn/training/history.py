"""The measurements of a training run: one row per epoch, also as a CSV file."""

from __future__ import annotations

import csv
import html
import io
import math
from pathlib import Path
from typing import Any

from ..interop import write_atomically

MEASURED = ("loss", "top1", "top5", "iou")  # reserved: no user metric may have these names


class History(list):
    """A list of rows, one dict per epoch.

    epoch: 1, 2, ...; step: the optimizer's steps so far; lr: the learning rate of the epoch's last
    step; train_loss and train_top1: means over the epoch while the weights change; test_loss,
    test_top1, test_top5: those of the model at the end of the epoch (absent without test data), and
    test_iou, the mean IoU, for labels of pixels; images_per_s; seconds.

    Without class labels top1, top5 and iou are absent. A metric of your own appears as train_NAME
    and test_NAME.
    """

    def best(self) -> dict:
        """The row with the highest test_top1, or without class labels the lowest test_loss; the
        first of equal rows.

        Raises: ValueError if nothing was measured on test data.
        """
        measured = [row for row in self if "test_top1" in row]
        if measured:
            return max(measured, key=lambda row: row["test_top1"])
        measured = [row for row in self if "test_loss" in row]
        if not measured:
            raise ValueError("best: no epoch was measured on test data")
        return min(measured, key=lambda row: _or_infinite(row["test_loss"]))

    def _repr_html_(self) -> str:
        """An HTML table for notebooks: one row per epoch."""
        names = list(dict.fromkeys(name for row in self for name in row))
        head = "".join(f"<th>{html.escape(str(name))}</th>" for name in names)
        lines = [
            "<tr>" + "".join(f"<td>{_cell(row.get(name, ''))}</td>" for name in names) + "</tr>"
            for row in self
        ]
        return f"<table><tr>{head}</tr>{''.join(lines)}</table>"

    def save_csv(self, path: str | Path) -> None:
        """Write a header line, then one line per epoch."""
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in self for name in row))
        writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        write_atomically(path, text.getvalue())


def _or_infinite(loss: float) -> float:
    return math.inf if math.isnan(loss) else loss


def _cell(value: Any) -> str:
    return html.escape(f"{value:.4g}" if isinstance(value, float) else str(value))
