"""The roofline plot: the speed of each layer and the limits of arithmetic and memory."""

from __future__ import annotations

import numpy as np

from minitorch_cnn.analysis import Roof
from minitorch_cnn.figures import COLORS, GREY, SMALL, headline, label, log_ticks, new_figure

from .suites import Layer

PANELS = ("forward", "gx", "gw")


def intensity(layer: Layer, batch: int) -> float:
    """Operations per byte, if images, weights and outputs in 32 bits are moved once each.

    It is the same in all directions, since each reads two of the three arrays and writes the third.
    """
    images, outputs = batch * layer.C * layer.H**2, batch * layer.O * layer.output**2
    weights = layer.O * layer.C // layer.groups * layer.kernel**2
    return 2 * layer.macs(batch) / (4 * (images + outputs + weights))


def plot(rows: list[dict], layers: dict, batch: int, roof: Roof, path: str) -> None:
    """Plot GFLOP/s over intensity and the machine's roof: a panel per direction, a mark per
    implementation.

    rows: of benchmarks.conv; layers: {(suite, layer): Layer}.
    """
    figure = new_figure(13, 4.8)
    axes = figure.subplots(1, 3, sharey=True)
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(names)}
    for axis, direction in zip(axes, PANELS, strict=True):
        chosen = [row for row in rows if row["direction"] == direction]
        x = [intensity(layers[row["suite"], row["layer"]], batch) for row in chosen]
        for name in dict.fromkeys(n for row in chosen for n in row["figures"]):
            points = [
                (at, row["figures"][name]["gflops"])
                for at, row in zip(x, chosen, strict=True)
                if name in row["figures"]
            ]
            mark = "x" if name == "torch" else "o"
            settings = {"color": colors[name], "label": name, "markersize": 5, "alpha": 0.8}
            axis.plot(*zip(*points, strict=True), mark, **settings)
        line = np.geomspace(min(x) / 1.5, max(x) * 1.5)
        axis.loglog(line, roof.at(line) / 1e9, color=GREY, label="roof, from a cache")
        slow = np.minimum(roof.flops, roof.bandwidth * line) / 1e9
        axis.loglog(line, slow, "--", color=GREY, label="roof, from memory")
        label(axis, direction, "operations per byte")
        log_ticks(axis.xaxis)
    axes[0].set_ylabel("GFLOP/s")
    log_ticks(axes[0].yaxis)
    shown = {
        text: line
        for axis in axes
        for line, text in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    settings = {"loc": "outside right center", "frameon": False, "fontsize": SMALL}
    figure.legend(handles=list(shown.values()), **settings)
    headline(figure, "Winograd exceeds the roof, since it saves multiplications")
    figure.savefig(path)
