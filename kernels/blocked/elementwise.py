"""Sums, products with gates and activations in the channel-blocked layout, row by row."""

import math
from typing import Any

import numpy as np

from ..exponential import exp_minus_1, sigmoid
from ..jit import kernel
from ..thread_pool import shared
from .calls import Call, recorded
from .layout import Layout

TWO = np.float32(2)

# y = f(x): the functions by ONNX's names. Those with an exponential compute in float32.
FUNCTIONS = ("Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Silu", "LeakyRelu", "Tanh")


def addition(a: Layout, b: Layout, y: Layout, low: float, high: float, dtype: Any) -> Call:
    """The call of y = clamp(a + b, low, high). Its arrays: a, b, y."""
    return _rows(add, (a, b, y), np.array([low, high], dtype))


def gating(x: Layout, gate: Layout, y: Layout, dtype: Any) -> Call:
    """The call of y = x * gate, of a gate (N, C, 1, 1). Its arrays: x, gate, y."""
    return _rows(scale, (x, gate, y), np.zeros(0, dtype))


def function(name: str, x: Layout, y: Layout, a: float, b: float, dtype: Any) -> Call:
    """The call of y = f(x). Its arrays: x, y.

    a, b: the bounds of Clip; alpha and beta of HardSigmoid; the slope of LeakyRelu.
    """
    return _rows(apply, (x, y), np.array([FUNCTIONS.index(name), a, b], dtype))


def copy(x: Layout, y: Layout, dtype: Any) -> Call:
    """The call of y = x, of another border or place. Its arrays: x, y."""
    return function("Clip", x, y, -math.inf, math.inf, dtype)


def _rows(fill: Any, layouts: tuple[Layout, ...], parameters: np.ndarray) -> Call:
    y = layouts[-1]
    places = tuple((at.start, at.image, at.block, at.row) for at in layouts)
    sizes = y.blocks, y.shape[2], y.shape[3] * y.width, y.width
    items = y.shape[0] * y.blocks
    return Call(fill, (places, sizes, parameters), items, math.prod(y.shape))


@kernel
def add(a, b, y, places, sizes, parameters, pool, first, last):
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    blocks, rows, length, _ = sizes
    low, high = parameters[0], parameters[1]
    for k in range(first, last):
        a_at, b_at = block_at(places[0], k, blocks), block_at(places[1], k, blocks)
        y_at = block_at(places[2], k, blocks)
        for i in range(rows):
            one = a[a_at + i * places[0][3] :][:length]
            other = b[b_at + i * places[1][3] :][:length]
            to = y[y_at + i * places[2][3] :][:length]
            for j in range(length):
                total = one[j] + other[j]
                total = low if total < low else total
                to[j] = high if total > high else total


@kernel
def scale(x, gate, y, places, sizes, parameters, pool, first, last):
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    blocks, rows, length, width = sizes
    for k in range(first, last):
        x_at = block_at(places[0], k, blocks)
        y_at = block_at(places[2], k, blocks)
        factors = gate[block_at(places[1], k, blocks) :][:width]
        for i in range(rows):
            source = x[x_at + i * places[0][3] :][:length]
            to = y[y_at + i * places[2][3] :][:length]
            for j in range(0, length, width):
                for l in range(width):
                    to[j + l] = source[j + l] * factors[l]


@kernel
def apply(x, y, places, sizes, parameters, pool, first, last):
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    blocks, rows, length, _ = sizes
    kind, a, b = int(parameters[0]), parameters[1], parameters[2]
    for k in range(first, last):
        x_at, y_at = block_at(places[0], k, blocks), block_at(places[1], k, blocks)
        for i in range(rows):
            source = x[x_at + i * places[0][3] :][:length]
            to = y[y_at + i * places[1][3] :][:length]
            if kind == 0:
                for j in range(length):
                    to[j] = a if source[j] < a else b if source[j] > b else source[j]
            elif kind == 1:
                for j in range(length):
                    to[j] = sigmoid(source[j])
            elif kind == 2:
                for j in range(length):
                    to[j] = min(max(source[j] * a + b, 0), 1)
            elif kind == 3:
                for j in range(length):
                    to[j] = source[j] * min(max(source[j] + 3, 0), 6) / 6
            elif kind == 4:
                for j in range(length):
                    to[j] = source[j] * sigmoid(source[j])
            elif kind == 5:
                for j in range(length):
                    to[j] = source[j] if source[j] >= 0 else source[j] * a
            else:
                for j in range(length):
                    m = exp_minus_1(TWO * source[j])
                    to[j] = m / (m + TWO)


@kernel(inline=True)
def block_at(place, k, blocks):
    """The offset of block k, counted through all images."""
    return place[0] + k // blocks * place[1] + k % blocks * place[2]
