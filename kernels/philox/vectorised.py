"""Philox4x32-10 in NumPy: the rounds of all counters at once."""

import numpy as np

from .loops import PRODUCTS, ROUNDS, STEPS

HALF = np.uint64(32)
LOW = np.uint64(2**32 - 1)


def _words(first_block: int, blocks: int, stream: int, key: int) -> np.ndarray:
    """The words of consecutive counters, (4 blocks,) of uint32."""
    block = np.arange(blocks, dtype=np.uint64) + np.uint64(first_block % 2**64)
    c0, c1 = block & LOW, block >> HALF
    c2, c3 = (np.full_like(block, word) for word in (stream % 2**32, stream >> 32))
    first_key, second_key = key % 2**32, key >> 32
    for _ in range(ROUNDS):
        a, b = np.uint64(PRODUCTS[0]) * c0, np.uint64(PRODUCTS[1]) * c2
        c0, c1 = (b >> HALF) ^ c1 ^ np.uint64(first_key), b & LOW
        c2, c3 = (a >> HALF) ^ c3 ^ np.uint64(second_key), a & LOW
        first_key, second_key = (first_key + STEPS[0]) % 2**32, (second_key + STEPS[1]) % 2**32
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32).reshape(-1)


def random_bits(count, key, like, first, stream):
    """(count,) of uint32."""
    begin = first % 4
    words = _words(first // 4, -(-(begin + count) // 4), stream, int(key))
    return words[begin : begin + count]


def uniform(count, dtype, key, like, first):
    """(count,) of a float."""
    if dtype == np.float32:
        return (random_bits(count, key, like, first, 0) >> 8).astype(dtype) * dtype.type(2.0**-24)
    words = random_bits(2 * count, key, like, 2 * first, 0).astype(np.uint64).reshape(-1, 2)
    return ((words[:, 0] >> 5) * 2.0**26 + (words[:, 1] >> 6)) * 2.0**-53


def normal(count, dtype, key, like, first):
    """(count,) of a float."""
    even = first - first % 2
    pairs = -(-(first - even + count) // 2)
    u, v = uniform(2 * pairs, dtype, key, like, even).astype(np.float64).reshape(-1, 2).T
    radius = np.sqrt(-2 * np.log(u + (2.0**-24 if dtype == np.float32 else 2.0**-53)))
    both = np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=1)
    return both.reshape(-1)[first - even :][:count].astype(dtype)


def keep_mask(count, p, key, like, first):
    """(count,) of bool."""
    return uniform(count, np.dtype(np.float32), key, like, first) >= np.float32(p)
