"""A claim of the lectures: what is compared, what was measured, the verdict and the figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...figures import (
    color_bar,
    headline,
    label,
    line_style,
    log_ticks,
    name_ticks,
    new_figure,
    rounded,
    whole_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# By panel and by what is compared: numbers (X,) of one seed, or (S, X) of several.
Values = dict[str, dict[str, np.ndarray]]


class Panel(NamedTuple):
    """One set of axes of a claim's figure.

    x, y: their labels, with units; at: where the numbers lie along x, as numbers or names, for all
    that is compared or for each by name; None: at start, start + 1, ...; factor: of the
    numbers, 100 for percent; log: whether x, y or both ("xy") are logarithmic; image: "mean" or
    "first" for numbers that are an image (H, W), of which the mean over the seeds is drawn, or that
    of the first.
    """

    x: str
    y: str
    at: Sequence[Any] | Mapping[str, Sequence[float]] | None = None
    factor: float = 1
    log: str = ""
    image: str = ""
    start: int = 1


class Claim(NamedTuple):
    """A claim that training can support or contradict.

    says: the claim; source: where it is from; setup: what is compared, on which data; panels: by
    name, in the order of the figure; measure: a function (seed, images, epochs) -> the numbers of
    each panel; verdict: a function of the numbers of all seeds -> "yes", "partly" or "no", and the
    reason with numbers; images, epochs, seeds: the usual size, which the verdict is made for.
    """

    name: str
    says: str
    source: str
    setup: str
    panels: dict[str, Panel]
    measure: Callable[[int, int, int], Values]
    verdict: Callable[[Values], tuple[str, str]]
    images: int
    epochs: int
    seeds: int = 3


class Finding(NamedTuple):
    """The numbers of a claim.

    values[panel][name] (S, X): by seed and place along x; answer: "yes", "partly" or "no"; why: the
    reason, with numbers.
    """

    claim: Claim
    seeds: tuple[int, ...]
    values: Values
    answer: str
    why: str

    def rows(self) -> list[tuple[str, str, str]]:
        """Panel, name, and mean and standard deviation of its last number, as text."""
        return [
            (panel, name, mean_and_spread(self.claim.panels[panel].factor * numbers[:, -1]))
            for panel, by_name in self.values.items()
            for name, numbers in by_name.items()
            if not self.claim.panels[panel].image
        ]

    def plot(self) -> Figure:
        """Plot the panels side by side: means over the seeds, and the range of the seeds."""
        panels = self.claim.panels
        figure = new_figure(5 * max(len(panels), 1.5), 4.4)
        axes = figure.subplots(1, len(panels), squeeze=False)[0].tolist()
        for ax, (name, panel) in zip(axes, panels.items(), strict=True):
            draw = _draw_image if panel.image else _draw_lines
            draw(ax, name, panel, self.values[name])
        headline(figure, f"{self.claim.says} {self.answer.capitalize()}: {self.why}")
        return figure


def measure_claim(
    claim: str | Claim,
    seeds: Sequence[int] | None = None,
    images: int | None = None,
    epochs: int | None = None,
) -> Finding:
    """Train the small nets of a claim with each seed, and say whether the claim is borne out.

    claim: a name in CLAIMS; seeds, images, epochs: of training, by default the claim's own, for
    which the verdict is meant.

    Raises: KeyError for an unknown claim; ValueError without seeds, or images or epochs below 1.

        mt.analysis.measure_claim("label-smoothing").plot()
    """
    from . import CLAIMS

    if isinstance(claim, str):
        if claim not in CLAIMS:
            known = ", ".join(CLAIMS)
            raise KeyError(f"measure_claim: claim={claim!r} is unknown; the claims are {known}")
        claim = CLAIMS[claim]
    seeds = range(claim.seeds) if seeds is None else seeds
    images = claim.images if images is None else images
    epochs = claim.epochs if epochs is None else epochs
    if not len(seeds) or images < 1 or epochs < 1:
        raise ValueError(
            f"measure_claim: seeds={tuple(seeds)} must not be empty, images={images} and "
            f"epochs={epochs} must be at least 1"
        )
    found = [claim.measure(seed, images, epochs) for seed in seeds]
    values = {
        panel: {name: np.array([f[panel][name] for f in found]) for name in found[0][panel]}
        for panel in claim.panels
    }
    return Finding(claim, tuple(seeds), values, *claim.verdict(values))


def mean_and_spread(numbers: np.ndarray) -> str:
    """The mean of numbers (S,) of several seeds and their standard deviation, as text."""
    mean = rounded(float(np.mean(numbers)))
    return mean if len(numbers) < 2 else f"{mean} \u00b1 {rounded(float(np.std(numbers, ddof=1)))}"


def percent(numbers: np.ndarray) -> str:
    """Fractions (S,) of several seeds as percent, with their standard deviation."""
    return mean_and_spread(100 * numbers) + " %"


def compared(advantage: np.ndarray) -> str:
    """The verdict on a difference (S,) that should be above 0: "yes" if it is with every seed,
    "partly" if only its mean is, otherwise "no".
    """
    return "yes" if np.all(advantage > 0) else "partly" if np.mean(advantage) > 0 else "no"


def _draw_lines(ax: Axes, title: str, panel: Panel, by_name: dict[str, np.ndarray]) -> None:
    names = False
    for k, (name, numbers) in enumerate(by_name.items()):
        shown = np.where(np.isfinite(numbers), panel.factor * numbers, np.nan)
        count = shown.shape[1]
        at = panel.at.get(name) if isinstance(panel.at, Mapping) else panel.at
        names = at is not None and any(isinstance(place, str) for place in at)
        x = (
            np.arange(count)
            if names
            else panel.start + np.arange(count)
            if at is None
            else np.array(at)
        )
        if names:
            x = x + (k - (len(by_name) - 1) / 2) * 0.12  # beside each other
        middle = np.array([c[~np.isnan(c)].mean() if (c == c).any() else np.nan for c in shown.T])
        style = line_style(k) | {"marker": "o", "markersize": 4, "label": name}
        if names:
            style |= {"linestyle": "none", "markersize": 6}
            ax.plot(np.tile(x, len(shown)), shown.ravel(), ".", color=style["color"], alpha=0.5)
        elif len(shown) > 1:
            low, high = np.fmin.reduce(shown), np.fmax.reduce(shown)
            ax.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
        ax.plot(x, middle, **style)
    first = next(iter(by_name.values()))
    for axis in panel.log:
        getattr(ax, f"set_{axis}scale")("log")
    if panel.at is None:
        whole_ticks(ax, range(panel.start, panel.start + first.shape[1]))
    label(ax, title, panel.x, panel.y, legend=len(by_name) > 1)
    for axis in panel.log:
        log_ticks(ax.xaxis if axis == "x" else ax.yaxis)
    if names:
        if not panel.log and all((numbers >= 0).all() for numbers in by_name.values()):
            ax.set_ylim(bottom=0)
        name_ticks(ax, [str(place) for place in panel.at or ()])


def _draw_image(ax: Axes, title: str, panel: Panel, by_name: dict[str, np.ndarray]) -> None:
    (numbers,) = by_name.values()
    image = panel.factor * (numbers[0] if panel.image == "first" else numbers.mean(axis=0))
    drawn = ax.imshow(image, cmap="viridis")
    label(ax, title, panel.x, panel.y)
    ax.grid(visible=False)
    color_bar(drawn, ax)
