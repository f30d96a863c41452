"""Philox4x32-10 as it is defined: ten rounds, one counter at a time, on Python's integers."""

import math

import numpy as np

PRODUCTS = 0xD2511F53, 0xCD9E8D57
STEPS = 0x9E3779B9, 0xBB67AE85  # of the key: the golden ratio and sqrt(3) - 1, times 2^32
ROUNDS = 10
LOW = 2**32 - 1


def philox(block: int, stream: int, key: int) -> list[int]:
    """The four words of a counter: `block` in its low 64 bits, `stream` in the others."""
    counter = [block & LOW, block >> 32, stream & LOW, stream >> 32]
    first_key, second_key = key & LOW, key >> 32
    for _ in range(ROUNDS):
        a, b = PRODUCTS[0] * counter[0], PRODUCTS[1] * counter[2]
        counter = [
            (b >> 32) ^ counter[1] ^ first_key,
            b & LOW,
            (a >> 32) ^ counter[3] ^ second_key,
            a & LOW,
        ]
        first_key, second_key = (first_key + STEPS[0]) & LOW, (second_key + STEPS[1]) & LOW
    return counter


def random_bits(count, key, like, first, stream):
    """(count,) of uint32."""
    words = range(first, first + count)
    found = [philox(n // 4 % 2**64, stream, int(key))[n % 4] for n in words]
    return np.array(found, np.uint32, ndmin=1)


def uniform(count, dtype, key, like, first):
    """(count,) of a float."""
    return np.array([_uniform(n, dtype, int(key)) for n in range(first, first + count)], dtype)


def normal(count, dtype, key, like, first):
    """(count,) of a float."""
    found = []
    for n in range(first, first + count):
        even = n - n % 2
        u, v = _uniform(even, dtype, int(key)), _uniform(even + 1, dtype, int(key))
        radius = math.sqrt(-2 * math.log(u + _unit(dtype)))
        turn = math.sin if n % 2 else math.cos
        found.append(radius * turn(2 * math.pi * v))
    return np.array(found, dtype)


def keep_mask(count, p, key, like, first):
    """(count,) of bool."""
    return uniform(count, np.dtype(np.float32), key, like, first) >= np.float32(p)


def _uniform(n: int, dtype: np.dtype, key: int) -> float:
    if dtype == np.float32:
        return (philox(n // 4, 0, key)[n % 4] >> 8) * _unit(dtype)
    words = philox(n // 2, 0, key)[n % 2 * 2 :]
    return ((words[0] >> 5) * 2**26 + (words[1] >> 6)) * _unit(dtype)


def _unit(dtype: np.dtype) -> float:
    return 2.0**-24 if dtype == np.float32 else 2.0**-53
