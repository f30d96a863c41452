"""The roofline plot: the speed of each layer and the limits of arithmetic and memory."""

from __future__ import annotations

import math

import numpy as np

from minitorch_cnn.analysis import Roof
from minitorch_cnn.figures import (
    COLORS,
    GREY,
    TEXT,
    headline,
    label,
    log_ticks,
    new_figure,
    save_figure,
)

from .suites import Layer


def intensity(layer: Layer, batch: int) -> float:
    """Operations per byte, if images, weights and outputs in 32 bits are moved once each.

    It is the same in all directions, since each reads two of the three arrays and writes the third.
    """
    images, outputs = batch * layer.C * layer.H**2, batch * layer.O * math.prod(layer.output)
    return 2 * layer.macs(batch) / (4 * (images + outputs + math.prod(layer.weight)))


def plot(rows: list[dict], layers: dict, roof: Roof, path: str) -> None:
    """Plot GFLOP/s over intensity and the machine's roof: a panel per direction, a mark per
    implementation.

    rows: of benchmarks.conv; layers: {(suite, layer): Layer}.
    """
    directions = list(dict.fromkeys(row["direction"] for row in rows))
    figure = new_figure(1 + 4 * len(directions), 4.8)
    axes = figure.subplots(1, len(directions), sharey=True, squeeze=False)[0]
    points: dict[str, dict[str, list]] = {}  # {name: {direction: [(intensity, GFLOP/s)]}}
    ours = set()
    for row in rows:
        at = intensity(layers[row["suite"], row["layer"]], row["batch"])
        for column, ms in row["ms"].items():
            name = row["chosen"] if column == "ours" else column
            ours |= {name} if column in row["error"] else set()
            found = points.setdefault(name, {direction: [] for direction in directions})
            found[row["direction"]].append((at, row["gflop"] / ms * 1e3))
    for axis, direction in zip(axes, directions, strict=True):
        for k, (name, found) in enumerate(points.items()):
            color, mark = COLORS[k % len(COLORS)], "o" if name in ours else "x"
            settings = {"color": color, "label": name, "markersize": 5, "alpha": 0.8}
            axis.plot(*np.transpose(found[direction] or [(np.nan, np.nan)]), mark, **settings)
        x = [at for found in points.values() for at, _ in found[direction]]
        line = np.geomspace(min(x) / 1.5, max(x) * 1.5)
        axis.loglog(line, roof.at(line) / 1e9, color=GREY, label="peak, data in a cache")
        slow = np.minimum(roof.flops, roof.bandwidth * line) / 1e9
        axis.loglog(line, slow, "--", color=GREY, label="peak, data in memory")
        label(axis, direction, "FLOP per byte")
        log_ticks(axis.xaxis)
    axes[0].set_ylabel("speed (GFLOP/s)", fontsize=TEXT)
    log_ticks(axes[0].yaxis)
    shown = {
        text: line
        for axis in axes
        for line, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    settings = {"loc": "outside right center", "frameon": False}
    figure.legend(handles=list(shown.values()), **settings)
    headline(figure, "Winograd exceeds the roof, since it saves multiplications")
    save_figure(figure, path)
