"""The input gradient of a convolution as convolutions of stride 1, one for each phase of pixels.

Output i reads pixel h = S * q + a of the input by tap k if  i * S + k * D = h + before. So only the
taps with  k * D = a + before  (mod S) read phase a. Their distance is  S / gcd(S, D), and along q

    gx[S * q + a] = sum over these k of  gy[q + (a + before - k * D) / S] * w[k]

is a convolution of gy with stride 1, dilation D / gcd(S, D) and the taps in reversed order.
Together the S * S phases take as many multiply-adds as the forward product: none of them multiplies
a zero between the elements of gy.
"""

from itertools import product
from math import gcd
from typing import NamedTuple


class Phase(NamedTuple):
    """The pixels S * q + first, q < count, along one axis, and the taps that read them.

    taps: a slice of the kernel's axis. Its j-th element is the weight of gy at
    q + origin + j * dilation.
    """

    first: int
    count: int
    origin: int
    dilation: int
    taps: slice
    size: int  # number of taps


def phases(window, input_size):
    """The pairs of Phases (down, across) of an input (H, W) that some output reads."""
    along = [_phases_along(window, axis, size) for axis, size in enumerate(input_size)]
    return list(product(*along))


def _phases_along(window, axis, size):
    S, D, K = window.stride[axis], window.dilation[axis], window.kernel[axis]
    before, apart = window.padding[axis][0], S // gcd(S, D)
    for a in range(min(S, size)):
        hits = [k for k in range(K) if (a + before - k * D) % S == 0]
        if hits:
            last = hits[-1]
            taps = slice(last, hits[0] - 1 if hits[0] else None, -apart)
            origin = (a + before - last * D) // S
            yield Phase(a, -(-(size - a) // S), origin, D // gcd(S, D), taps, len(hits))
