"""convolution_steps: a convolution window by window, and the equivalent matrix product.

Each window of the padded image becomes a column of a matrix (im2col); the kernel as a row vector
times that matrix is the output.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..figures import SMALL, VERMILLION, headline, new_figure, rounded, show_image
from ..kernels.window import Window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pair = tuple[int, int]

LEGIBLE = 9  # cells per side up to which the cells show numbers
LETTER, LEAST = 0.085, 0.36  # inches of a character, and of a cell with a number
IMAGE, MATRIX, TITLE = 3.2, 4.6, 1.6  # inches of arrays without numbers, and of a title


class ConvolutionSteps(NamedTuple):
    """padded (C, H, W), kernel (C, KH, KW), columns (C * KH * KW, OH * OW), output (OH, OW).

    corners (OH * OW, 2): row and column of each window's first pixel in the padded image.
    """

    padded: np.ndarray
    kernel: np.ndarray
    columns: np.ndarray
    output: np.ndarray
    corners: np.ndarray
    window: Window

    def plot(self, step: int = -1) -> Figure:
        """Plot the state after `step` (from 0) windows: image, kernel, matrix and y so far.

        Raises: IndexError for a step out of range.
        """
        count = len(self.corners)
        if not -count <= step < count:
            raise IndexError(f"plot: step={step} must be below the {count} windows")
        step %= count
        widths = [_width(a) for a in (self.padded, self.kernel)]
        widths += [_width(self.columns, MATRIX), _width(self.output)]
        figure = new_figure(sum(widths) + 0.5, max(widths) + 1.4)
        axes = figure.subplots(1, 4, gridspec_kw={"width_ratios": widths})
        image, kernel, matrix, output = axes
        _cells(image, self.padded, "padded image")
        self._mark_window(image, step)
        _cells(kernel, self.kernel, "kernel")
        _cells(matrix, self.columns, "im2col: a column for each window", aspect="auto")
        _frame(matrix, step, 0, 1, len(self.columns))
        _cells(output, self.output, "output", known=step + 1)
        i, j = divmod(step, self.output.shape[1])
        _frame(output, j, i, 1, 1)
        value = f"{self.output[i, j]:.3g}"
        headline(figure, f"Window {step + 1} of {count}: kernel times column = {value}")
        return figure

    def _mark_window(self, ax: Any, step: int) -> None:
        (top, left), (down, across) = self.corners[step], self.window.dilation
        _, KH, KW = self.kernel.shape
        if down == across == 1:
            _frame(ax, left, top, KW, KH)
            return
        for i in range(KH):
            for j in range(KW):
                _frame(ax, left + j * across, top + i * down, 1, 1)

    def save_gif(self, path: str | Path, seconds: float = 0.5) -> None:
        """Save all steps as an animated GIF, each shown for `seconds`.

        Raises: ImportError without Pillow or Matplotlib.
        """
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError("save_gif: needs Pillow (pip install pillow)") from error
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        frames = []
        for step in range(len(self.corners)):
            figure = self.plot(step)
            figure.set_dpi(100)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            picture = np.asarray(canvas.buffer_rgba())[:, :, :3]
            frames.append(Image.fromarray(picture).quantize(64))
        frames[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 * seconds),
            loop=0,
        )


def convolution_steps(
    x: np.ndarray,
    kernel: np.ndarray,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
) -> ConvolutionSteps:
    """Compute every window of a convolution of one image with one filter.

    x (C, H, W) or (H, W), kernel (C, KH, KW) or (KH, KW)

    Raises: ValueError for shapes or settings that do not fit.
    """
    x, kernel = (np.asarray(a, np.float64) for a in (x, kernel))
    x, kernel = (a[None] if a.ndim == 2 else a for a in (x, kernel))
    if x.ndim != 3 or kernel.ndim != 3 or len(x) != len(kernel):
        raise ValueError(
            f"convolution_steps: x of shape {x.shape} and kernel of shape {kernel.shape} must be "
            "(C, H, W) and (C, KH, KW)"
        )
    window = Window((kernel.shape[1], kernel.shape[2]), stride, padding, dilation)
    OH, OW = window.output_size(*x.shape[1:])
    padded = np.pad(x, ((0, 0), *window.padding))
    (down, across), (height, width) = window.dilation, window.span
    corners = [(i * window.stride[0], j * window.stride[1]) for i in range(OH) for j in range(OW)]
    columns = np.stack(
        [padded[:, i : i + height : down, j : j + width : across].ravel() for i, j in corners], 1
    )
    output = (kernel.ravel() @ columns).reshape(OH, OW)
    return ConvolutionSteps(padded, kernel, columns, output, np.array(corners), window)


def _cells(ax: Any, values: np.ndarray, title: str, aspect: str = "equal", known: int = -1) -> None:
    """Draw an array as coloured cells, with its numbers if they are legible.

    known: the number of cells to show, all by default.
    """
    flat, texts = _flat(values), _texts(values)
    shown = np.where(
        np.arange(flat.size).reshape(flat.shape) < known % (flat.size + 1), flat, np.nan
    )
    low, high = flat.min(), flat.max()
    title += " (mean of the channels)" if values.ndim == 3 and len(values) > 1 else ""
    size = f"{' x '.join(map(str, values.shape))}\nfrom {rounded(low)} to {rounded(high)}"
    scale = {"vmin": low, "vmax": high if high > low else low + 1}
    show_image(ax, shown, f"{title}\n{size}", aspect=aspect, **scale)
    if texts is not None:
        for (i, j), v in np.ndenumerate(shown):
            if not np.isnan(v):
                color = "white" if v <= (low + high) / 2 else "black"
                place = {"ha": "center", "va": "center"}
                ax.text(j, i, texts[i, j], color=color, fontsize=SMALL, **place)


def _flat(values: np.ndarray) -> np.ndarray:
    """An array as rows of cells: the mean over several channels."""
    return values.mean(0) if values.ndim == 3 else values


def _texts(values: np.ndarray) -> np.ndarray | None:
    """The numbers of the cells, rounded to two or three digits of the largest; None if there are
    too many.
    """
    flat = _flat(values)
    if max(flat.shape) > LEGIBLE or (values.ndim == 3 and len(values) > 1):
        return None
    largest = np.abs(flat).max()
    if (flat == np.round(flat)).all() and largest < 1e5:
        return np.array([[f"{v:.0f}" for v in row] for row in flat])
    if not 1e-3 <= largest < 1e5:
        return np.array([[f"{v:.1e}" for v in row] for row in flat])
    power = int(np.floor(np.log10(largest)))
    decimals = max(0, 1 - power, min(2, 2 - power))
    return np.array([[f"{np.round(v, decimals) + 0.0:.{decimals}f}" for v in row] for row in flat])


def _width(values: np.ndarray, other: float = IMAGE) -> float:
    """The width in inches at which an array's numbers do not touch; `other` without numbers."""
    texts = _texts(values)
    if texts is None:
        return other
    cell = max(LEAST, LETTER * (max(map(len, texts.ravel())) + 1))
    return max(TITLE, texts.shape[1] * cell)


def _frame(ax: Any, x: float, y: float, width: float, height: float) -> None:
    from matplotlib.patches import Rectangle

    settings = {"fill": False, "edgecolor": VERMILLION, "linewidth": 2, "clip_on": False}
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, **settings))
