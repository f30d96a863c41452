"""The style of all figures: colours, fonts, ticks and files.

`style()` holds Matplotlib's settings, and every figure of `new_figure` is drawn with them. Colours
are those of Okabe and Ito, which differ to colour-blind eyes; colour maps grow evenly in lightness.
Matplotlib is imported on first use, without pyplot: no windows, and no state shared with the
caller.
"""

from __future__ import annotations

import functools
import io
import math
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .interop import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# M. Okabe, K. Ito (2008), Color Universal Design, without the yellow, which is too light for lines.
BLUE, VERMILLION, SKY, PURPLE = "#0072b2", "#d55e00", "#56b4e9", "#cc79a7"
BLACK, ORANGE, GREEN = "#000000", "#e69f00", "#009e73"
COLORS = (BLUE, VERMILLION, SKY, BLACK, PURPLE)  # of series: any two differ to all eyes
GREY = "#707070"  # of what others are compared with
# Colour maps: of values, of shares on white, of what is laid over a photograph, and of both signs.
MAP, SHARES, OVER, AROUND_ZERO = "viridis", "Blues", "inferno", "RdBu_r"
DASHES = "-", "--", ":", "-."  # of lines, when all colours are in use
SMALL, TEXT = 11, 12  # points: the smallest font size, legible at half size, and that of labels
DPI = 120
LEAST_WIDTH = 7.2  # inches
LETTERS = 9.6  # of a title, per inch
LISTED = 8  # names in a column of a legend
CREATOR = "minitorch_cnn"  # written into files
LINE = 1.2 * SMALL  # points from one small label to the next
LONGEST, CROWDED = 28, 100  # letters of a tick label, and labels beyond which points are small
PLAIN: dict[str, Any] = {"parse_math": False}  # for a user's text: a $ starts no formula


def style() -> dict[Any, Any]:
    """Matplotlib's settings of all figures, for `rcParams.update` or `rc_context`."""
    return {
        "axes.axisbelow": True,
        "axes.labelsize": TEXT,
        "axes.prop_cycle": f"cycler('color', {list(COLORS)})",
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": TEXT,
        "axes.titleweight": "bold",
        "figure.dpi": DPI,
        "figure.labelsize": SMALL,
        "figure.titlesize": TEXT,
        "figure.titleweight": "bold",
        "font.size": SMALL,
        "grid.alpha": 0.25,
        "image.cmap": "gray",
        "image.interpolation": "nearest",
        "legend.fontsize": SMALL,
        "legend.frameon": False,
        "legend.title_fontsize": SMALL,
        "savefig.dpi": DPI,
        "svg.fonttype": "none",  # letters remain letters, to be found and translated
        "svg.hashsalt": CREATOR,  # the same figure is the same file
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
    }


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """An empty figure of the given inches, whose parts get the settings of `style()`.

    Raises: ImportError without Matplotlib.
    """
    try:
        import matplotlib.figure
    except ImportError as error:
        raise ImportError("plot: needs Matplotlib (pip install matplotlib)") from error
    with matplotlib.rc_context(style()):
        return _styled(matplotlib.figure.Figure)(figsize=(width, height), layout=layout)


@functools.cache
def _styled(kind: Any) -> Any:
    """Matplotlib's class of figures, whose methods act under the settings of `style()`."""
    from matplotlib import rc_context

    names = ("add_subplot", "colorbar", "legend", "savefig", "subfigures", "suptitle", "supxlabel")

    def in_style(name: str) -> Any:
        method = getattr(kind, name)

        @functools.wraps(method)
        def call(self: Any, *args: Any, **settings: Any) -> Any:
            with rc_context(style()):
                return method(self, *args, **settings)

        return call

    return type("StyledFigure", (kind,), {name: in_style(name) for name in names})


def tint(color: str, share: float) -> str:
    """A colour mixed with white, for areas behind dark letters; share: of the colour, to 1."""
    parts = (round(255 - share * (255 - part)) for part in bytes.fromhex(color[1:]))
    return f"#{bytes(parts).hex()}"


def endings() -> tuple[str, ...]:
    """The suffixes of the files in which a figure can be saved.

    Raises: ImportError without Matplotlib.
    """
    return tuple(f".{name}" for name in sorted(new_figure(1, 1).canvas.get_supported_filetypes()))


def axes_or_new(ax: Axes | None, width: float = LEAST_WIDTH, height: float = 4.2) -> Axes:
    """The caller's axes, or those of a new figure."""
    return new_figure(width, height).subplots() if ax is None else ax


def size_for(names: Sequence[str], width: float = 8.0, height: float = 4.0) -> tuple[float, float]:
    """The inches of a figure with tick labels, which grow with their number and length."""
    longest = max((len(shortened(name)) for name in names), default=0)
    return min(max(width, 1.2 + len(names) * LINE / 72), 16.0), height + 0.08 * longest


def label(ax: Axes, title: str, x: str = "", y: str = "", legend: bool = False) -> None:
    """Set the title and the labels of the axes with units, and reduce the frame."""
    text = _wrapped(title, 1.1 * _inches(ax))  # the final layout is wider
    ax.set_title(text, loc="left", fontsize=TEXT, fontweight="bold", **PLAIN)
    ax.set_xlabel(x, fontsize=TEXT)
    ax.set_ylabel(y, fontsize=TEXT)
    ax.tick_params(labelsize=SMALL)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        add_legend(ax)


def add_legend(ax: Axes, **place: Any) -> None:
    """Add the legend of axes, at a place as Matplotlib's `legend` takes it."""
    columns = max(1, math.ceil(len(ax.get_legend_handles_labels()[1]) / LISTED))
    ax.legend(**{"frameon": False, "fontsize": SMALL, "ncols": columns, **place})


def headline(figure: Figure, text: str, note: str = "") -> None:
    """Set the title of a figure with many axes, and a plain sentence below it."""
    width = figure.get_size_inches()[0]
    if text:
        bold = {"fontsize": TEXT, "fontweight": "bold"}
        figure.suptitle(_wrapped(text, width), x=0.01, ha="left", **bold, **PLAIN)
    if note:
        figure.supxlabel(_wrapped(note, width), x=0.01, ha="left", fontsize=SMALL, **PLAIN)


def name_ticks(ax: Axes, names: Sequence[str], inches: float | None = None) -> None:
    """Label the x axis with vertical names; skip some if they do not fit, and shorten long ones.

    inches: the length of the axis, if it is known more precisely than before the layout.
    """
    step = max(1, math.ceil(len(names) * LINE / (72 * (inches or _inches(ax)))))
    places = range(0, len(names), step)
    shown = [shortened(names[i]) for i in places]
    turned = 90 if max(map(len, shown), default=0) > 2 else 0
    ax.set_xticks(places, shown, rotation=turned, fontsize=SMALL, **PLAIN)
    ax.set_xlim(-0.5, len(names) - 0.5)
    if len(names) > CROWDED:
        for line in ax.lines:
            line.set_markersize(2)


def line_style(k: int) -> dict[str, Any]:
    """The colour and the dashes of line k of a figure."""
    return {"color": COLORS[k % len(COLORS)], "linestyle": DASHES[k // len(COLORS) % len(DASHES)]}


def whole_ticks(ax: Axes, numbers: Sequence[int]) -> None:
    """Label the x axis with whole numbers, with a margin around a single one."""
    locator: Any = ax.xaxis.get_major_locator()
    locator.set_params(integer=True)
    first, last = min(numbers), max(numbers)
    margin = 0.05 * (last - first) or 1
    ax.set_xlim(first - margin, last + margin)
    if first == last:
        ax.set_xticks([first])


def shortened(name: str, longest: int = LONGEST) -> str:
    """A name without its middle if it has more letters."""
    half = max(longest - 1, 2) // 2
    return name if len(name) <= longest else f"{name[:half]}\u2026{name[-half:]}"


def log_ticks(axis: Axis) -> None:
    """Label a finished logarithmic axis with round numbers.

    An axis that is linear near 0 ("symlog") also gets a 0.
    """
    from matplotlib.ticker import NullFormatter, NullLocator

    low, high = sorted(axis.get_view_interval())
    if low > 0:
        ticks = round_numbers(low, high)
    else:
        scale: Any = axis.get_transform()
        ticks = [0.0, *round_numbers(scale.linthresh, high)]
    plain = all(tick == 0 or 1e-4 * (1 - 1e-9) <= tick < 1e5 for tick in ticks)
    axis.set_ticks(ticks, [f"{tick:,.6g}" if plain else _power(tick) for tick in ticks])
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def round_numbers(low: float, high: float, most: int = 7) -> list[float]:
    """Up to about `most` round numbers from low > 0 to high.

    Powers of 10; for a smaller range 1, 2 and 5 times these; otherwise multiples of one step.
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    within = [
        m * 10.0**k
        for k in range(first - 1, last + 1)
        for m in (1, 2, 5)
        if low <= m * 10.0**k * (1 + 1e-9) and m * 10.0**k <= high * (1 + 1e-9)
    ]
    if len(within) > most and last - first > 1:
        return [10.0**k for k in range(first, last + 1, math.ceil((last - first + 1) / most))]
    if len(within) > 2:
        return within
    power = 10.0 ** math.floor(math.log10(high - low))
    for step in (5 * power, 2 * power, power, power / 2, power / 5):
        even = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        if len(even) > 2:
            break
    return [k * step for k in even]


def rounded(value: float) -> str:
    """Three digits of a number, with a power of 10 only if it is very small or large."""
    digits = float(f"{value:.3g}")
    return f"{digits:,.0f}" if 1000 <= abs(digits) < 1e9 else f"{digits:.3g}"


def show_image(ax: Axes, image: np.ndarray, title: str = "", **settings: Any) -> None:
    """Show an image (C, H, W) or (H, W), scaled from its smallest value to its largest."""
    if image.ndim == 3:
        image = image.transpose(1, 2, 0) if image.shape[0] == 3 else image.mean(0)
    if image.ndim == 3:
        low, high = image.min(), image.max()
        image = (image - low) / ((high - low) or 1)
    ax.imshow(image, **{"cmap": "gray", **settings})
    ax.set_title(title, loc="center", fontsize=SMALL, **PLAIN)
    ax.set(xticks=[], yticks=[])


def color_bar(drawn: Any, axes: Any, text: str = "") -> None:
    """Add the colour scale of an image beside its axes, with few round numbers."""
    from matplotlib.ticker import MaxNLocator

    places = np.ravel(axes).tolist()
    bar = places[0].figure.colorbar(drawn, ax=places, ticks=MaxNLocator(4))
    bar.set_label(text, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)


def image_grid(
    rows: int, columns: int, side: float = 1.3, extra: float = 0.5
) -> tuple[Figure, np.ndarray]:
    """A new figure and its axes (rows, columns), without frames.

    side: the least size of an image in inches; few images become larger.
    """
    side = max(side, min(LEAST_WIDTH / columns, 3.0))
    figure = new_figure(max(columns * side, LEAST_WIDTH), rows * (side + 0.2) + extra)
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.ravel():
        ax.set_axis_off()
    return figure, grid


def save_figure(figure: Figure, path: str | Path) -> list[Path]:
    """Save a figure in the format of the suffix (without one: PNG), and return the files written.

    Beside a .png with more than images an .svg of the same name is written, unless there is one of
    another origin. A figure is saved even if the font lacks letters or long names leave little
    space.
    """
    path = Path(path)
    written = [path]
    if path.suffix.lower() == ".png" and _more_than_images(figure):
        beside = path.with_suffix(".svg")
        if not beside.exists() or CREATOR.encode() in beside.read_bytes()[:4096]:
            written.append(beside)
    contents = [_content(figure, file.suffix[1:].lower() or "png") for file in written]
    for file, content in zip(written, contents, strict=True):
        write_atomically(file, content)
    return written


def _content(figure: Figure, kind: str) -> bytes:
    """The bytes of a file of this format; an .svg is the same each time."""
    named: dict[str, Any] = {}
    if kind == "svg":
        named["metadata"] = {"Creator": CREATOR, "Date": None}
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(content, format=kind, dpi=DPI, **named)
    return content.getvalue()


def _more_than_images(figure: Figure) -> bool:
    """Whether a figure shows lines, bars, points or numbers."""
    return any(
        ax.lines or ax.patches or ax.collections or ax.texts
        for ax in figure.axes
        if ax.get_label() != "<colorbar>" and (ax.texts or not ax.images)
    )


def _inches(ax: Axes) -> float:
    """The approximate width of axes."""
    return ax.get_position().width * ax.figure.bbox.width / ax.figure.dpi


def _wrapped(text: str, inches: float) -> str:
    """The text in lines that fit the width, in bold letters of a title."""
    return "\n".join(textwrap.wrap(text, max(int(LETTERS * inches), 20)))


def _power(value: float) -> str:
    """A number as a power of 10."""
    if value == 0:
        return "0"
    power = math.floor(math.log10(value) + 1e-9)
    factor = f"{value / 10.0**power:.3g}"
    return f"$10^{{{power}}}$" if factor == "1" else f"${factor}\\cdot10^{{{power}}}$"


def figure_of(ax: Axes) -> Figure:
    """The figure of axes."""
    figure: Any = ax.figure  # it may be a subfigure
    return figure
