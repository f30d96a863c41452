"""Notebook 15: formats, sums and scalers with common bugs."""

import numpy as np

from ..sixteen_bits import Format, between, by_the_library, finite, of_patterns


def without_subnormals(bits, exponent, fraction):
    """A decoder that reads all patterns without exponent as 0."""
    form = Format(exponent, fraction)
    numbers = of_patterns(bits, form)
    return np.where(abs(numbers) < finite(form)[2**fraction], 0 * numbers, numbers)


def cut(x, exponent, fraction):
    """Rounding toward 0."""
    form = Format(exponent, fraction)
    low, _, middle = between(x, form)
    most = finite(form)[-1]
    return np.copysign(np.where((low == most) & (abs(x) >= middle), np.inf, low), x)


def plain(values):
    """A sum without a memory of what was lost."""
    return np.add.accumulate(values)[-1]


def in_sixteen_bits(gradients, scale):
    """Gradients that are divided before they are made float32."""
    parts = [np.true_divide(g, np.float16(scale), dtype=np.float16) for g in gradients]
    return [part.astype(np.float32) for part in parts], bool(np.isfinite(parts[0]).all())


def always_growing(scale, calm, finite, interval):
    """A scale that is doubled after each step without an overflow."""
    return by_the_library(scale, [finite], 1)[0], calm
