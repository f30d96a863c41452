"""The figures of docs/kernels, as SVG:    python docs/figures.py

Each function draws one file of the same name. The ground is white in both colour schemes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from minitorch_cnn import figures
from minitorch_cnn.figures import tint

FOLDER = Path(__file__).resolve().parent / "kernels"
BLUE, ORANGE = tint(figures.BLUE, 0.65), tint(figures.ORANGE, 0.65)
PURPLE = tint(figures.PURPLE, 0.6)
GREY, INK = "#eef0f3", "#222222"
CELL = 24


class Drawing:
    """A white sheet on which shapes are put one after the other."""

    def __init__(self, width: int, height: int, title: str):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="sans-serif" '
            f'font-size="14">',
            f"<title>{escape(title)}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{INK}"/></marker>'
            "</defs>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, fill: str = GREY) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" '
            f'stroke="#6b7280" stroke-width="0.8"/>'
        )

    def text(self, x: float, y: float, text: str, anchor: str = "middle", size: int = 14) -> None:
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{INK}">{escape(text)}</text>'
        )

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        self.parts.append(
            f'<path d="M{x:g} {y:g} L{to_x:g} {to_y:g}" stroke="{INK}" stroke-width="1.4" '
            'fill="none" marker-end="url(#tip)"/>'
        )

    def outline(self, x: float, y: float, width: float, height: float) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none" '
            f'stroke="{figures.VERMILLION}" stroke-width="3"/>'
        )

    def grid(
        self,
        x: float,
        y: float,
        rows: int,
        columns: int,
        fill: Callable[[int, int], str] = lambda row, column: GREY,
        label: Callable[[int, int], str] = lambda row, column: "",
        cell: float = CELL,
    ) -> None:
        """rows x columns cells, each with a colour and a text of its own."""
        for row in range(rows):
            for column in range(columns):
                left, top = x + column * cell, y + row * cell
                self.box(left, top, cell, cell, fill(row, column))
                if text := label(row, column):
                    self.text(left + cell / 2, top + cell / 2 + 4, text, size=11)

    def svg(self) -> str:
        return "\n".join([*self.parts, "</svg>", ""])


def plain(colour: str) -> Callable[[int, int], str]:
    return lambda row, column: colour


def loops() -> Drawing:
    """The window of one output."""
    sheet = Drawing(640, 250, "A 3x3 window of the padded input gives one output")
    inner = range(1, 6)
    sheet.grid(30, 30, 7, 7, lambda r, c: BLUE if r in inner and c in inner else "#ffffff")
    sheet.outline(30 + 2 * CELL, 30 + CELL, 3 * CELL, 3 * CELL)
    sheet.text(114, 225, "x, padded by 1")
    sheet.text(233, 120, "*", size=26)
    sheet.grid(265, 78, 3, 3, plain(ORANGE))
    sheet.text(301, 225, "w")
    sheet.arrow(360, 114, 430, 114)
    sheet.grid(455, 54, 5, 5, lambda r, c: PURPLE if (r, c) == (1, 2) else GREY)
    sheet.text(515, 225, "y")
    sheet.text(395, 100, "9 products", size=12)
    return sheet


def im2col() -> Drawing:
    """Windows become columns, and the convolution one matrix product."""
    sheet = Drawing(720, 260, "im2col copies each window into a column of a matrix")
    sheet.grid(20, 70, 4, 4, plain(BLUE), lambda r, c: str(4 * r + c))
    sheet.outline(20, 70, 2 * CELL, 2 * CELL)
    sheet.text(68, 195, "x: 4 x 4")
    sheet.text(68, 213, "2 x 2 kernel", size=12)
    sheet.arrow(130, 118, 175, 118)
    sheet.text(152, 108, "copy", size=12)
    starts = [4 * r + c for r in range(3) for c in range(3)]
    sheet.grid(320, 70, 4, 9, plain(BLUE), lambda r, c: str(starts[c] + (0, 1, 4, 5)[r]))
    sheet.outline(320, 70, CELL, 4 * CELL)
    sheet.text(428, 195, "columns: K x T")
    sheet.grid(195, 82, 3, 4, plain(ORANGE))
    sheet.text(243, 195, "w: O x K")
    sheet.text(305, 124, "@", size=18)
    sheet.text(555, 124, "=", size=20)
    sheet.grid(572, 94, 3, 9, plain(PURPLE), cell=15)
    sheet.text(640, 195, "y: O x T")
    sheet.text(360, 240, "K = C/groups * KH * KW elements of a window, T output positions", size=12)
    return sheet


def gemm() -> Drawing:
    """A tile of sums stays in registers while k runs."""
    sheet = Drawing(640, 280, "The micro-kernel: a micro-panel of A times a micro-panel of B")
    sheet.grid(40, 90, 4, 1, plain(ORANGE), cell=28)
    sheet.text(54, 230, "MR weights")
    sheet.grid(200, 30, 1, 12, plain(BLUE), cell=28)
    sheet.text(368, 22, "b[k, v]: NR positions, three vectors", size=12)
    sheet.grid(200, 90, 4, 12, plain(PURPLE), cell=28)
    for vector in range(3):
        sheet.outline(200 + 4 * 28 * vector, 90, 4 * 28, 4 * 28)
    sheet.text(368, 230, "c[r, v]: sums in vector registers until the last k")
    sheet.arrow(80, 146, 185, 146)
    sheet.text(132, 136, "every lane", size=12)
    sheet.arrow(368, 62, 368, 84)
    sheet.text(
        320,
        262,
        "for k = 1 ... K: load 3 vectors, broadcast each weight, multiply and add",
        size=12,
    )
    return sheet


def winograd() -> Drawing:
    """A tile's way through the transforms."""
    sheet = Drawing(720, 330, "Winograd F(4x4, 3x3): transform, multiply, transform back")
    sheet.grid(30, 30, 6, 6, plain(BLUE), cell=18)
    sheet.text(84, 158, "d: 6 x 6 inputs")
    sheet.arrow(150, 84, 225, 84)
    sheet.text(187, 74, "B' d B", size=12)
    sheet.grid(240, 30, 6, 6, plain(BLUE), cell=18)
    sheet.text(294, 158, "V: 36 values")
    sheet.grid(57, 200, 3, 3, plain(ORANGE), cell=18)
    sheet.text(84, 275, "w: 3 x 3 weights")
    sheet.arrow(150, 227, 225, 227)
    sheet.text(187, 217, "G w G'", size=12)
    sheet.grid(240, 180, 6, 6, plain(ORANGE), cell=18)
    sheet.text(294, 308, "U: 36 values")
    sheet.arrow(360, 84, 420, 145)
    sheet.arrow(360, 234, 420, 175)
    sheet.grid(432, 106, 6, 6, plain(PURPLE), cell=18)
    sheet.text(486, 234, "M: 36 products,")
    sheet.text(486, 252, "summed over channels")
    sheet.arrow(552, 160, 612, 160)
    sheet.text(582, 150, "A' M A", size=12)
    sheet.grid(626, 124, 4, 4, plain(PURPLE), cell=18)
    sheet.text(662, 218, "y: 4 x 4")
    return sheet


def depthwise() -> Drawing:
    """Each tap is a shifted view of the whole plane."""
    sheet = Drawing(680, 240, "Depthwise convolution: nine shifted planes, each times one weight")
    inner = range(1, 5)
    for number, (row, column) in enumerate(((0, 0), (0, 1), (2, 2))):
        left = 30 + 180 * number
        ground = lambda r, c: BLUE if r in inner and c in inner else "#ffffff"  # noqa: E731
        sheet.grid(left, 40, 6, 6, ground, cell=20)
        sheet.outline(left + 20 * column, 40 + 20 * row, 80, 80)
        sheet.text(left + 60, 185, f"w[{row}, {column}] * x view", size=13)
        sheet.text(left + 150, 105, ("+", "+ ... +", "=")[number], size=18)
    sheet.grid(575, 60, 4, 4, plain(PURPLE), cell=20)
    sheet.text(615, 185, "y")
    sheet.text(340, 220, "one channel: KH * KW passes over a plane that stays in cache", size=12)
    return sheet


def direct() -> Drawing:
    """Three taps read one row of the plane, one column apart."""
    sheet = Drawing(680, 270, "Direct: each tap reads the row in place, from its own column on")
    sheet.text(30, 46, "row of x", anchor="start")
    sheet.grid(100, 30, 1, 18, lambda r, c: BLUE if 0 < c < 17 else "#ffffff")
    sheet.text(130 + 18 * CELL, 46, "white: masked lanes", anchor="start", size=12)
    for tap, colour in enumerate((ORANGE, PURPLE, BLUE)):
        top = 80 + 32 * tap
        sheet.text(30, top + 17, f"tap {tap}", anchor="start")
        outside = 0 if tap == 0 else 15 if tap == 2 else -1
        sheet.grid(
            100 + CELL * tap, top, 1, 16,
            lambda r, c, no=outside, yes=colour: "#ffffff" if c == no else yes,
        )  # fmt: skip
        sheet.text(130 + CELL * 18, top + 17, f"* w[{tap}]", anchor="start", size=12)
    sheet.text(30, 205, "row of y", anchor="start")
    sheet.grid(100, 188, 1, 16, plain(GREY))
    sheet.text(100 + 8 * CELL, 230, "16 adjacent outputs, a vector", size=12)
    sheet.text(340, 255, "the same vectors serve the rows of y above and below", size=12)
    return sheet


def pooling() -> Drawing:
    """Maxima, where they were, and where their gradients go."""
    x = ((1, 3, 2, 0), (5, 2, 1, 4), (0, 6, 7, 1), (2, 1, 3, 2))
    best = {(1, 0), (1, 3), (2, 1), (2, 2)}
    sheet = Drawing(680, 220, "Max pooling 2x2: values forward, gradients back to the maxima")
    sheet.grid(
        30,
        40,
        4,
        4,
        lambda r, c: ORANGE if (r, c) in best else BLUE,
        lambda r, c: str(x[r][c]),
        cell=30,
    )
    for row in range(2):
        for column in range(2):
            sheet.outline(30 + 60 * column, 40 + 60 * row, 60, 60)
    sheet.text(90, 190, "x")
    sheet.arrow(170, 100, 235, 100)
    sheet.text(202, 90, "max", size=12)
    sheet.grid(255, 70, 2, 2, plain(PURPLE), lambda r, c: ("5", "4", "6", "7")[2 * r + c], cell=30)
    sheet.text(285, 190, "y, and argmax")
    sheet.grid(385, 70, 2, 2, plain(PURPLE), lambda r, c: "abcd"[2 * r + c], cell=30)
    sheet.text(415, 190, "gy")
    sheet.arrow(460, 100, 515, 100)
    given = {(1, 0): "a", (1, 3): "b", (2, 1): "c", (2, 2): "d"}
    sheet.grid(
        530,
        40,
        4,
        4,
        lambda r, c: ORANGE if (r, c) in best else GREY,
        lambda r, c: given.get((r, c), "0"),
        cell=30,
    )
    sheet.text(590, 190, "gx")
    return sheet


def batch_norm() -> Drawing:
    """One channel of all images is a sample."""
    sheet = Drawing(680, 230, "Batch norm: the statistics of one channel over all images")
    for image in range(3):
        left = 30 + 110 * image
        for channel in range(3):
            colour = ORANGE if channel == 1 else GREY
            sheet.grid(left + 10 * channel, 35 + 42 * channel, 2, 4, plain(colour), cell=18)
        sheet.text(left + 45, 195, f"image {image}", size=12)
    sheet.arrow(365, 97, 425, 97)
    for row, text in enumerate(
        ("mean = sum x / M", "var = sum (x - mean)^2 / M", "y = (x - mean) * invstd * w + b")
    ):
        sheet.box(440, 40 + 46 * row, 220, 34, PURPLE if row == 2 else BLUE)
        sheet.text(550, 62 + 46 * row, text, size=13)
    sheet.text(550, 195, "three passes over one channel in cache", size=12)
    sheet.text(200, 218, "M = N * H * W values of the orange channel", size=12)
    return sheet


def gpu() -> Drawing:
    """Blocks of implicit GEMM, and the contents of one of them."""
    sheet = Drawing(700, 300, "Implicit GEMM: a block gathers the pieces that it multiplies")
    sheet.grid(30, 120, 4, 4, lambda r, c: ORANGE if (r, c) == (1, 1) else GREY)
    sheet.text(78, 238, "a: weights, M x K")
    sheet.grid(160, 15, 4, 8, lambda r, c: BLUE if (r, c) == (1, 3) else "#ffffff")
    sheet.text(362, 68, "columns: K x T, never built", anchor="start", size=12)
    sheet.grid(160, 120, 4, 8, lambda r, c: PURPLE if (r, c) == (1, 3) else GREY)
    sheet.text(256, 238, "y: M x T, a tile per block")
    sheet.box(420, 110, 250, 150, "#f8fafc")
    sheet.text(545, 130, "one block, shared memory", size=12)
    sheet.grid(440, 160, 4, 2, plain(ORANGE), cell=18)
    sheet.text(458, 252, "BM x BK", size=12)
    sheet.grid(530, 142, 2, 6, plain(BLUE), cell=18)
    sheet.text(584, 195, "BK x BN, from x", size=12)
    sheet.text(584, 232, "sums in registers", size=12)
    sheet.arrow(354, 156, 415, 156)
    sheet.text(
        350, 285, "for each piece of K: gather, wait, multiply; the next piece is being loaded"
    )
    return sheet


FIGURES = (loops, im2col, gemm, winograd, depthwise, direct, pooling, batch_norm, gpu)


def main() -> None:
    for figure in FIGURES:
        (FOLDER / f"{figure.__name__}.svg").write_text(figure().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
