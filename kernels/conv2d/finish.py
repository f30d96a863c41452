"""The epilogue of a convolution, while its sums are still in cache: a bias and a ReLU."""

import numpy as np

from ..jit import kernel


def finishing(bias, relu, rows, dtype):
    """(bias, relu) for the compiled implementations: a bool and an array, which is empty if there
    is nothing to add, and of `rows` zeros for a ReLU without a bias.
    """
    if bias is None:
        bias = np.zeros(rows if relu else 0, dtype)
    return np.ascontiguousarray(bias), bool(relu)


@kernel
def finish(sums, at, count, add, relu):
    """sums[at + k] += add, then max(0, .) if relu, for k < count; NaN stays NaN."""
    part = sums[at : at + count]
    if relu:
        for k in range(count):
            total = part[k] + add
            part[k] = 0 if total <= 0 else total
    else:
        for k in range(count):
            part[k] += add
