"""What may follow a convolution while its sums are still in cache: a bias and a ReLU."""

import numpy as np

from ..jit import kernel


def finishing(bias, relu, rows, dtype):
    """(bias, relu) as compiled implementations take it: an array of `rows` numbers, or none; a
    bool.
    """
    if bias is None:
        bias = np.zeros(rows if relu else 0, dtype)
    return np.ascontiguousarray(bias), bool(relu)


@kernel
def finish(sums, at, count, add, relu):
    """sums[at + k] += add, and at least 0 with relu, for k < count; a NaN stays one."""
    part = sums[at : at + count]
    if relu:
        for k in range(count):
            total = part[k] + add
            part[k] = 0 if total <= 0 else total
    else:
        for k in range(count):
            part[k] += add
