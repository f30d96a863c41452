"""Make the data of the lecture page: trained networks, their lesions, and the gradient race.

    python -m minitorch_cnn.analysis.lecture.make

trains the networks of nets.py on the digits, stores the weights of three of them as 16-bit numbers,
counts what all of them misclassify with blocks left out or swapped, and records the gradient race;
all of it goes to the folder data/ beside this file. It takes about ten minutes on two cores.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .lesion_table import lesion_table
from .nets import NETS, STORED, digits_for, rounded_to_half, stored, trained
from .race import races

FOLDER = Path(__file__).with_name("data")
STEPS = (0, 1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 40, 50, 60, 70, 80, 100, 120, 140, 160, 180, 200)


def make(folder: Path) -> None:
    """Write NAME.npz for each stored network, lesions.json and race.json to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "race.json", races(STEPS))
    tables: dict[str, Any] = {}
    for name, net in NETS.items():
        model = rounded_to_half(trained(net))
        if name in STORED:
            stored(model, folder / f"{name}.npz")
        if name == "lenet5":
            continue  # it has no blocks
        digits, labels = digits_for(net)
        tables[name] = lesion_table(model, net.images(digits), labels)
        print(f"{name}: {tables[name]['without']['0']} of {len(labels)} digits wrong", flush=True)
    _write(folder / "lesions.json", tables)


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(FOLDER)
