"""Winograd's transforms between tiles and the values of polynomials: F(mxm, 3x3), m = 2, 3, 4.

Rows of inputs, weights and outputs are polynomials. B' and G evaluate the first two at m + 2
points; A' interpolates the outputs. Tiles of 4 use the points 0, 1, -1, 2, -2 and infinity, tiles
of 3 use 0, 1, -1, 2 and infinity, tiles of 2 use 0, 1, -1 and infinity: fewer values per tile, more
tiles.
"""

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
B_3 = (
    (
        (2, -1, -2, 1, 0),
        (0, -2, -1, 1, 0),
        (0, 2, -3, 1, 0),
        (0, -1, 0, 1, 0),
        (0, 2, -1, -2, 1),
    ),
)
G_3 = (
    (
        (1 / 2, 0, 0),
        (-1 / 2, -1 / 2, -1 / 2),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 6, 1 / 3, 2 / 3),
        (0, 0, 1),
    ),
)
A_3 = (((1, 1, 1, 1, 0), (0, 1, -1, 2, 0), (0, 1, 1, 4, 1)),)
B_2 = (((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),)
G_2 = (((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),)
A_2 = (((1, 1, 1, 0), (0, 1, -1, -1)),)

A, B, G = {2: A_2, 3: A_3, 4: A_4}, {2: B_2, 3: B_3, 4: B_4}, {2: G_2, 3: G_3, 4: G_4}

TILES = tuple(A)  # the sizes of a tile


def _transposed(factors_of: dict) -> dict:
    return {tile: transposed(factors) for tile, factors in factors_of.items()}


# Each takes (tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column); see `two_sided`.
transform_window = two_sided(B)  # B' d B of the windows d of a vector of channels
transform_weight = two_sided(G)  # G w G' of the kernels w
transform_sums = two_sided(A)  # A' M A: the tiles of outputs
transform_tile = two_sided(_transposed(A))  # A gy A' of tiles gy of an output's gradient
transform_weight_sums = two_sided(_transposed(G))  # G' M G: the weight gradients
