"""The roofline: how close each layer comes to what arithmetic and memory allow."""

from __future__ import annotations

import numpy as np

from minitorch_cnn.analysis import Roof

from .suites import Layer

PANELS = ("forward", "gx", "gw")


def intensity(layer: Layer, batch: int) -> float:
    """Operations per byte of 32-bit numbers, images, weights and outputs moved once each.

    It is the same in all directions: each reads two of the three arrays and writes the third.
    """
    images, outputs = batch * layer.C * layer.H**2, batch * layer.O * layer.output**2
    weights = layer.O * layer.C // layer.groups * layer.kernel**2
    return 2 * layer.macs(batch) / (4 * (images + outputs + weights))


def plot(rows: list[dict], layers: dict, batch: int, roof: Roof, path: str) -> None:
    """GFLOP/s over intensity, a panel per direction, a mark per implementation, below the machine's
    roof.

    rows: of benchmarks.conv; layers: {(suite, layer): Layer}.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
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
            axis.plot(*zip(*points, strict=True), mark, label=name, markersize=5, alpha=0.8)
        line = np.geomspace(min(x) / 1.5, max(x) * 1.5)
        axis.plot(line, roof.at(line) / 1e9, color="grey", label="roof")
        axis.set(xscale="log", yscale="log", title=direction, xlabel="operations per byte")
    axes[0].set_ylabel("GFLOP/s")
    axes[-1].legend(loc="lower right")
    figure.suptitle("Above the roof is where Winograd leaves multiplications out")
    figure.savefig(path, dpi=100)
