"""Winograd's transforms between tiles and the values of polynomials: F(4x4, 3x3), F(2x2, 3x3).

Rows of inputs, weights and outputs are polynomials. B' and G evaluate the first two at some points;
A' interpolates the outputs. Tiles of 4 use the points 0, 1, -1, 2, -2 and infinity. Tiles of 2 use
0, 1, -1 and infinity: fewer values per tile, but more tiles.
"""

from ...jit import kernel
from .two_sided import transposed, two_sided

# The points are pairs p and -p: the even part of a polynomial is computed once, then the odd part
# is added or subtracted.
PAIRS = (
    (1, 0, 0, 0, 0, 0),
    (0, 1, 1, 0, 0, 0),
    (0, 1, -1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0),
    (0, 0, 0, 1, -1, 0),
    (0, 0, 0, 0, 0, 1),
)
B_4 = (
    PAIRS,
    (
        (4, 0, -5, 0, 1, 0),
        (0, 0, -4, 0, 1, 0),
        (0, -4, 0, 1, 0, 0),
        (0, 0, -1, 0, 1, 0),
        (0, -2, 0, 2, 0, 0),
        (0, 4, 0, -5, 0, 1),
    ),
)
G_4 = (
    PAIRS,
    (
        (1 / 4, 0, 0),
        (-1 / 6, 0, -1 / 6),
        (0, -1 / 6, 0),
        (1 / 24, 0, 1 / 6),
        (0, 1 / 12, 0),
        (0, 0, 1),
    ),
)
A_4 = (
    (
        (1, 1, 0, 1, 0, 0),
        (0, 0, 1, 0, 2, 0),
        (0, 1, 0, 4, 0, 0),
        (0, 0, 1, 0, 8, 1),
    ),
    PAIRS,
)
B_2 = (((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),)
G_2 = (((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),)
A_2 = (((1, 1, 1, 0), (0, 1, -1, -1)),)

_window_4, _window_2 = two_sided(B_4), two_sided(B_2)
_weight_4, _weight_2 = two_sided(G_4), two_sided(G_2)
_sums_4, _sums_2 = two_sided(A_4), two_sided(A_2)
_tile_4, _tile_2 = two_sided(transposed(A_4)), two_sided(transposed(A_2))
_weight_sums_4, _weight_sums_2 = two_sided(transposed(G_4)), two_sided(transposed(G_2))


@kernel
def transform_window(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
    """B' d B of the windows d of a vector of channels; see `two_sided`."""
    if tile == 4:
        _window_4(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
    else:
        _window_2(x, x_at, x_row, x_column, y, y_at, y_row, y_column)


@kernel
def transform_weight(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
    """G w G' of the kernels w."""
    if tile == 4:
        _weight_4(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
    else:
        _weight_2(x, x_at, x_row, x_column, y, y_at, y_row, y_column)


@kernel
def transform_sums(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
    """A' M A: the tiles of outputs."""
    if tile == 4:
        _sums_4(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
    else:
        _sums_2(x, x_at, x_row, x_column, y, y_at, y_row, y_column)


@kernel
def transform_tile(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
    """A gy A' of tiles gy of an output's gradient."""
    if tile == 4:
        _tile_4(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
    else:
        _tile_2(x, x_at, x_row, x_column, y, y_at, y_row, y_column)


@kernel
def transform_weight_sums(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
    """G' M G: the weight gradients."""
    if tile == 4:
        _weight_sums_4(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
    else:
        _weight_sums_2(x, x_at, x_row, x_column, y, y_at, y_row, y_column)
