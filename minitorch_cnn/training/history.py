"""What a training run measured: a row per epoch, and the same as a CSV file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..interop import write_atomically


class History(list):
    """A list of rows, one dict per epoch.

    epoch: 1, 2, ...; step: batches so far; lr: the rate of the epoch's last step; train_loss and
    train_top1: means over the epoch while the model was changing; test_loss, test_top1, test_top5:
    of the model at the epoch's end (absent without test data), and test_iou, the mean IoU, where
    labels are of pixels; images_per_s; seconds.
    """

    def best(self) -> dict:
        """The row with the highest test_top1, the first of several.

        Raises: ValueError if nothing was measured on test data.
        """
        measured = [row for row in self if "test_top1" in row]
        if not measured:
            raise ValueError("best: no epoch was measured on test data")
        return max(measured, key=lambda row: row["test_top1"])

    def save_csv(self, path: str | Path) -> None:
        """Write a line of names, then a line per epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self[0]) if self else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        write_atomically(path, text.getvalue())
