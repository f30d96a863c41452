"""A sum in a kernel whose terms are added in any order, and so side by side in a vector.

Only this addition is relaxed. What is computed on the way to a term, and with the sum after it,
keeps the order in which it is written: where numbers of different size meet, that order is what
keeps their digits.
"""

from .jit import kernel


@kernel(inline=True, any_order=True)
def added(total, term):
    """total + term, for `total = added(total, term)` in a loop."""
    return total + term
