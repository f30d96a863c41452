"""Averages over adjacent windows without overlap (tiles), and their gradients, in Numba.

No input belongs to two tiles, so whole rows of x are added, or written. Both directions use the
bands of a plane: one row per row of tiles, OW * KW wide. The bands are contiguous, so that loops
are long even for small images.
"""

from ..jit import kernel
from ..thread_pool import shared
from ..window import Window


def are_tiles(window: Window, H: int, W: int) -> bool:
    """Whether windows neither overlap nor leave gaps, and are all inside the plane (H, W)."""
    inside = all(
        outputs * kernel <= size
        for outputs, kernel, size in zip(
            window.output_size(H, W), window.kernel, (H, W), strict=True
        )
    )
    plain = window.padding == ((0, 0), (0, 0)) and window.dilation == (1, 1)
    return inside and plain and window.kernel == window.stride


@kernel
def average_tiles(x, y, memories, OW, KH, KW, divisor, pool, first, last):
    """x (planes, H, W) -> y (planes, OH * OW)."""
    if shared(pool, first, last):
        return
    width = OW * KW
    bands = memories[-pool][: y.shape[1] * KW]
    for plane in range(first, last):
        for i in range(bands.size // width):
            band, rows = bands[i * width :], x[plane, i * KH : i * KH + KH]
            for w in range(width):
                band[w] = rows[0, w]
            for k in range(1, KH):
                row = rows[k]
                for w in range(width):
                    band[w] += row[w]
        out = y[plane]
        if KW == 2:
            for j in range(out.size):
                out[j] = (bands[j * 2] + bands[j * 2 + 1]) / divisor
        else:
            for j in range(out.size):
                total = bands[j * KW]
                for k in range(1, KW):
                    total += bands[j * KW + k]
                out[j] = total / divisor


@kernel
def spread_over_tiles(gy, gx, memories, OW, KH, KW, divisor, pool, first, last):
    """gy (planes, OH * OW) -> gx (planes, H, W), 0 outside the tiles."""
    if shared(pool, first, last):
        return
    width = OW * KW
    bands = memories[-pool][: gy.shape[1] * KW]
    for plane in range(first, last):
        g, out = gy[plane], gx[plane]
        if KW == 2:
            for j in range(g.size):
                bands[j * 2] = bands[j * 2 + 1] = g[j] / divisor
        else:
            for j in range(g.size):
                bands[j * KW : j * KW + KW] = g[j] / divisor
        below = bands.size // width * KH
        for h in range(below):
            row, band = out[h], bands[h // KH * width :]
            for w in range(width):
                row[w] = band[w]
            row[width:] = 0
        out[below:] = 0
