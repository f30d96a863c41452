"""Inference in a channel-blocked layout: the kernels of compiled networks.

A network that is compiled keeps its images in blocks of channels from its first convolution to its
last pooling, so that no kernel packs anything but weights, once:

    layout.py        where the elements of such an image are
    tile.py          the micro-kernels, in vector registers
    convolve.py      dense, grouped and depthwise convolutions with bias, residual and bounds
    winograd.py      large 3x3 convolutions
    pool.py          pooling
    elementwise.py   sums, gates and activations
    norm.py          local response normalisation
    reorder.py       to blocks and back; the zeros of a border
    calls.py         calls that are written down once and run many times

Every operation has a function that plans a Call from layouts; a Call is run with its arrays:

>>> call = convolve.convolution(x, y, w.shape, window, 1, 0.0, math.inf, w.dtype)
>>> run(call, x_array, packed_weights, packed_bias, no_residual, y_array)
"""

from .calls import Call, Record, Records, run
from .convolve import can_convolve, convolution, pack_bias, pack_weights
from .elementwise import addition, copy, function, gating
from .layout import Layout, blocked, lanes
from .norm import local_response_norm
from .pool import average_pooling, global_average, max_pooling
from .reorder import border, from_blocks, to_blocks
from .winograd import best_tile, transform_weights, winograd

__all__ = [
    "Call",
    "Layout",
    "Record",
    "Records",
    "addition",
    "average_pooling",
    "best_tile",
    "blocked",
    "border",
    "can_convolve",
    "convolution",
    "copy",
    "from_blocks",
    "function",
    "gating",
    "global_average",
    "lanes",
    "local_response_norm",
    "max_pooling",
    "pack_bias",
    "pack_weights",
    "run",
    "to_blocks",
    "transform_weights",
    "winograd",
]
