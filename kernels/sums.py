"""A sum in a kernel whose terms are added in any order, and so in the lanes of a vector.

Only this addition is relaxed. The computation of a term, and the use of the sum after the loop,
keep the order in which they are written: between values of different magnitude, that order
preserves the digits.
"""

from .jit import kernel


@kernel(inline=True, any_order=True)
def added(total, term):
    """total + term, for `total = added(total, term)` in a loop."""
    return total + term
