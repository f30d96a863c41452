"""compare: the memory, parameters and operations of networks by layer, and their errors.

Matplotlib is imported on first use, without pyplot: no windows, no state shared with the caller.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..figures import BLACK, BLUE, GREY, SKY, SMALL, TEXT, VERMILLION, new_figure
from ..models import list_models, model_entry
from ..models.registry import build_entry
from ..nn import Module, shapes_only
from .published_errors import PROTOCOL, PUBLISHED_ERRORS
from .summary import Row, Summary, summary
from .trace import Shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The kind of a layer, by a word in the name of its class.
KINDS = {
    "Conv": ("convolutions", BLUE),
    "Linear": ("fully connected layers", VERMILLION),
    "Pool": ("poolings", GREY),
    "Norm": ("normalisations", SKY),
    "": ("other layers", BLACK),
}
COLORS = dict(KINDS.values())
CHOSEN, OTHERS = VERMILLION, GREY
HEIGHT = 14.8  # inches
PASSES = 4  # over the names of the points, until none can move to a better position


class Cost(NamedTuple):
    """The quantity of a row of bar charts: a field of `Row`, and the unit of its axis."""

    name: str
    field: str
    unit: str
    per_unit: float


COSTS = (
    Cost("memory", "memory_bytes", "MiB", 2**20),
    Cost("parameters", "params", "million", 1e6),
    Cost("operations", "ops", "billion", 1e9),
)


def compare(
    models: Sequence[str | Module], input_shape: Shape | None = None, **settings: Any
) -> Figure:
    """Plot the costs of every layer of `models`, and the errors of models against their operations.

    models: names (see `create_model`), or models. Above, three bar charts for each: the memory of
    outputs, parameters and operations by layer, on one scale for all models. Below, top-1 error
    against multiply-adds of every registered model whose error under one protocol is known (see
    `published_errors`), with `models` highlighted.

    input_shape: (C, H, W) of the images for the bar charts; by default the published shape of a
    named model and the shape that `image_shape` finds for others. settings: of the named models.

    Raises: KeyError for an unknown name, ValueError for no models or an invalid input_shape,
    ImportError without Matplotlib.

        mt.analysis.compare(["alexnet", "vgg16", "googlenet"]).savefig("costs.png")
    """
    if not models:
        raise ValueError("compare: models must name at least one model")
    figure = new_figure(max(9.0, 0.5 + 3.4 * len(models)), HEIGHT, layout="none")
    costs = [(_label(model), summary_of(model, input_shape, **settings)) for model in models]
    _draw_layers(figure, costs)
    _draw_errors(figure, {model for model in models if isinstance(model, str)})
    return figure


def summary_of(model: str | Module, input_shape: Shape | None = None, **settings: Any) -> Summary:
    """The summary of a model or of a named one, without memory for weights if it is registered.

    input_shape: as for `compare`; settings: of the named model.

    Raises: as `create_model`, and `summary`.
    """
    if isinstance(model, Module):
        return summary(model, input_shape)
    entry = model_entry(model)
    shape = input_shape or entry.input_shape
    if shape is not None and entry.takes("in_channels"):
        settings = {"in_channels": shape[-3], **settings}
    if entry.own:  # its initialisation may need the weights' memory
        return summary(build_entry(entry, settings), shape)
    with shapes_only():
        return summary(build_entry(entry, settings), shape)


def _label(model: str | Module) -> str:
    return Path(model).name if isinstance(model, str) else model._get_name()


def kind_of(row: Row) -> str:
    """The layer's kind, in the plural."""
    return next(kind for word, (kind, _) in KINDS.items() if word in row.type)


# ---------------------------------------------------------------------------- bars, layer by layer


def _draw_layers(figure: Figure, costs: list[tuple[str, Summary]]) -> None:
    space = _space(figure, 13.75, 8.55, wspace=0.06, hspace=0.25)
    grid = figure.subplots(
        len(COSTS), len(costs), sharex="col", sharey="row", squeeze=False, gridspec_kw=space
    )
    drawn = set()
    for column, (name, model) in enumerate(costs):
        rows = [row for row in model.rows if row.memory_bytes]
        drawn |= {kind_of(row) for row in rows}
        for cost, axes in zip(COSTS, grid[:, column], strict=True):
            values = [getattr(row, cost.field) / cost.per_unit for row in rows]
            colors = [COLORS[kind_of(row)] for row in rows]
            axes.bar(range(1, len(rows) + 1), values, color=colors, width=0.85)
            axes.margins(x=0.01)
            axes.xaxis.get_major_locator().set_params(integer=True)
            _head(axes, name if cost is COSTS[0] else "", _finding(cost, rows))
            if column == 0:
                axes.set_ylabel(f"{cost.name} ({cost.unit})")
        axes.set_xlabel("layer, in the order of work")
    from matplotlib.patches import Patch

    handles = [Patch(color=color, label=kind) for kind, color in COLORS.items() if kind in drawn]
    place = {"loc": "center", "bbox_to_anchor": (0.5, 7.9 / HEIGHT)}
    figure.legend(handles=handles, ncols=len(handles), **place)
    figure.text(
        space["left"], 14.45 / HEIGHT, _headline(costs), fontsize=TEXT + 2, fontweight="bold"
    )


def _space(figure: Figure, top: float, bottom: float, **between: float) -> dict[str, float]:
    """The axes' margins from inches: Matplotlib's own layouts would draw everything twice."""
    width, height = figure.get_size_inches()
    edges = {"left": 1.05 / width, "right": 1 - 0.2 / width}
    return {**edges, "top": top / height, "bottom": bottom / height, **between}


def _finding(cost: Cost, rows: list[Row]) -> str:
    """The sum, and the kind of layer with the largest share of it."""
    shares: dict[str, int] = dict.fromkeys(COLORS, 0)
    for row in rows:
        shares[kind_of(row)] += getattr(row, cost.field)
    total = sum(shares.values())
    text = f"{total / cost.per_unit:,.3g} {cost.unit}"
    if not total:
        return text
    kind = max(shares, key=lambda kind: shares[kind])
    return f"{text}, {shares[kind] / total:.0%} in {kind}"


def _headline(costs: list[tuple[str, Summary]]) -> str:
    ordered = sorted(costs, key=lambda cost: cost[1].total_macs)
    (least, low), (most, high) = ordered[0], ordered[-1]
    if not low.total_macs or high.total_macs == low.total_macs:
        return "Costs by layer, for one image"
    ratio = high.total_macs / low.total_macs
    return f"{most} takes {ratio:.3g} times the multiply-adds of {least}"


def _head(axes: Axes, title: str, text: str) -> None:
    """A bold title with a line of text below, and a frame reduced to the two axes."""
    axes.set_title(title, loc="left", fontweight="bold", fontsize=TEXT, pad=20)
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": SMALL}
    axes.annotate(text, (0, 1), (0, 6), **place)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


# ------------------------------------------------------------------------ error against operations


def _draw_errors(figure: Figure, chosen: set[str]) -> None:
    """Plot top-1 error against multiply-adds, with areas for parameters and the Pareto front."""
    entries: list[Any] = [model_entry(n) for n in list_models() if n in PUBLISHED_ERRORS]
    entries.sort(key=lambda entry: entry.macs)
    points = {e.name: (e.macs / 1e9, PUBLISHED_ERRORS[e.name].top1) for e in entries}
    areas = [8 + 1.2 * e.params / 1e6 for e in entries]
    axes = figure.subplots(gridspec_kw=_space(figure, 7.0, 0.6))
    axes.scatter(
        *zip(*points.values(), strict=True),
        s=areas,
        color=[CHOSEN if e.name in chosen else OTHERS for e in entries],
        alpha=0.7,
        linewidth=0,
    )
    best = itertools.accumulate((error for _, error in points.values()), min)
    frontier = [p for p, least in zip(points.values(), best, strict=True) if p[1] == least]
    axes.plot(*zip(*frontier, strict=True), color=OTHERS, linewidth=1, linestyle=":", zorder=0)
    axes.set_xscale("log")
    axes.margins(0.1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(
        "multiply-adds of one image (billion); areas: parameters; dotted: Pareto front"
    )
    axes.set_ylabel("top-1 error (%)")
    _head(axes, _bargain(points), PROTOCOL + _unknown(chosen - set(points)))
    axes.grid(axis="x", alpha=0.25)
    radii = [math.sqrt(area / math.pi) for area in areas]
    _label_points(axes, points, radii, chosen)


def _bargain(points: dict[str, tuple[float, float]]) -> str:
    """The pair whose cheaper model has the smaller error and saves most operations."""
    pairs = [
        (points[dear][0] / points[cheap][0], cheap, dear)
        for cheap, dear in itertools.permutations(points, 2)
        if points[cheap][1] <= points[dear][1]
    ]
    ratio, cheap, dear = max(pairs, default=(0, "", ""))
    if ratio <= 1:
        return "Error falls with operations"
    return f"{cheap} has a smaller error than {dear}, for 1/{ratio:.0f} of its operations"


def _unknown(names: set[str]) -> str:
    return f"; not known of {', '.join(sorted(names))}" if names else ""


def _label_points(
    axes: Axes, points: dict[str, tuple[float, float]], radii: list[float], chosen: set[str]
) -> None:
    """Write a name beside each point, on the side where it overlaps least."""
    from matplotlib.transforms import Bbox

    discs, sides = [], []  # for each point its disc, and the candidate positions, in pixels
    for (name, point), radius in zip(points.items(), radii, strict=True):
        center, r = axes.transData.transform(point), radius * axes.figure.dpi / 72
        discs.append(Bbox([center - r, center + r]))
        weight = "bold" if name in chosen else "normal"
        text = axes.annotate(name, point, fontsize=SMALL, weight=weight, ha="center", va="center")
        sides.append([Bbox(text.get_window_extent().get_points() + s) for s in _sides(text, r)])
    best = [0] * len(points)
    for _ in range(PASSES):  # each pass starts from the current positions of the other names
        for i, places in enumerate(sides):
            others = [sides[j][best[j]] for j in range(len(best)) if j != i]
            covered = [_overlap(place, discs + others) for place in places]
            best[i] = covered.index(min(covered))
    for text, places, i in zip(axes.texts[-len(points) :], sides, best, strict=True):
        x, y = axes.transData.inverted().transform(places[i].get_points().mean(0))
        text.set_position((x, y))


def _sides(text: Any, radius: float) -> list[tuple[float, float]]:
    """The candidate centres of a text relative to the centre of its disc."""
    box = text.get_window_extent()
    dx, dy = radius + box.height / 2 + box.width / 2, radius + box.height / 2
    beside = [(dx, 0), (-dx, 0), (0, dy), (0, -dy)]
    return beside + [(a, b) for b in (dy, -dy, dy / 2, -dy / 2) for a in (0.95 * dx, -0.95 * dx)]


def _overlap(box: Any, others: Any) -> float:
    """The total area that a box shares with others."""
    shared = (box.intersection(box, other) for other in others)
    return sum(part.width * part.height for part in shared if part is not None)
