"""Draw published results: the challenge's winners by year, and single nets by their operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..figures import (
    BLUE,
    COLORS,
    GREY,
    SMALL,
    label,
    log_ticks,
    new_figure,
)
from ..models import model_entry
from ..nn import shapes_only
from .published_results import ILSVRC, RESULTS, Winner
from .summary import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "o", "s", "^", "D", "v"


class Cost(NamedTuple):
    """A net's parameters, and its multiply-adds for one image of the published size."""

    params: int
    macs: int


def cost_of(model: str, size: int | None = None) -> Cost:
    """Our own counts for a registered model; size: of the image, by default the published one.

    Raises: KeyError for an unknown model.
    """
    entry = model_entry(model)
    shape = entry.input_shape
    if size is None or (shape is not None and size == shape[-1]):
        return Cost(entry.params or 0, entry.macs or 0)
    with shapes_only():
        found = summary(entry.build(), (3, size, size))
    return Cost(found.total_params, found.total_macs)


def ilsvrc_timeline() -> Figure:
    """Draw the top-5 error of each year's winner, and the depth and the cost of its net.

    Above, bars of the error on the test set; below, the layers with weights. Under the year of a
    registered net stand its parameters and multiply-adds, as counted here.

        mt.analysis.ilsvrc_timeline().savefig("ilsvrc.png")
    """
    figure = new_figure(9.0, 6.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    years = np.arange(len(ILSVRC))
    deep = [winner.layers is not None or winner.year == 2016 for winner in ILSVRC]
    colors = [BLUE if net else GREY for net in deep]
    above.bar(years, [winner.top5 for winner in ILSVRC], color=colors, width=0.7)
    below.bar(years, [winner.layers or 0 for winner in ILSVRC], color=colors, width=0.7)
    for x, winner in enumerate(ILSVRC):
        above.annotate(f"{winner.top5:g}", (x, winner.top5), (0, 3), **_CENTRED)
        layers = f"{winner.layers}" if winner.layers else ("several" if deep[x] else "none")
        below.annotate(layers, (x, winner.layers or 0), (0, 3), **_CENTRED)
    first, last = ILSVRC[0].top5, ILSVRC[-1].top5
    title = f"The error of winners: {first:g} % in 2010, {last:g} % in 2017, nets from 2012"
    label(above, title, "", "top-5 error (%)")
    label(below, "The winners' depth grew until 2015", "", "layers with weights")
    below.set_ylim(0, 185)
    below.set_xticks(years, [_under(winner) for winner in ILSVRC], fontsize=SMALL)
    return figure


_CENTRED: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": SMALL}


def _under(winner: Winner) -> str:
    name = winner.net.replace(" and ", "\nand ")
    lines = [str(winner.year), name]
    if winner.model is not None:
        cost = cost_of(winner.model)
        lines += [f"{cost.params / 1e6:.1f} million", f"{cost.macs / 1e9:.3g} billion"]
    return "\n".join(lines)


def error_against_operations() -> Figure:
    """Draw the published top-1 errors of single nets against operations, as counted here.

    One central crop of the size that each source used; the sources are in `RESULTS`.

        mt.analysis.error_against_operations().savefig("errors.png")
    """
    figure = new_figure(9.0, 5.6)
    axes = figure.subplots()
    families: dict[str, list[tuple[float, float, str]]] = {}
    for result in RESULTS:
        macs = cost_of(result.model, result.size).macs / 1e9
        families.setdefault(result.family, []).append((macs, result.top1, result.model))
    for k, (family, points) in enumerate(sorted(families.items())):
        x, y, _ = zip(*points, strict=True)
        style: dict[str, Any] = {
            "marker": MARKERS[k % len(MARKERS)],
            "color": COLORS[k % len(COLORS)],
        }
        face: dict[str, Any] = {"facecolor": "none"} if k >= len(COLORS) else {}
        axes.scatter(x, y, s=42, label=family, **style, **face)
    points = sorted(point for family in families.values() for point in family)
    least = [p for i, p in enumerate(points) if all(p[1] < q[1] for q in points[:i])]
    axes.plot([p[0] for p in least], [p[1] for p in least], ":", color=GREY, zorder=0)
    for macs, top1, model in (least[0], least[-1]):
        axes.annotate(model, (macs, top1), (0, -14), **_CENTRED)
    axes.set_xscale("log")
    axes.margins(0.12)
    best = least[-1]
    title = f"{best[0] / least[0][0]:.0f} times the operations: {least[0][1]:g} to {best[1]:g} %"
    label(axes, title, "multiply-adds of one image (billion)", "top-1 error (%)")
    log_ticks(axes.xaxis)
    axes.legend(ncols=2, loc="lower left", frameon=False, fontsize=SMALL)
    return figure
