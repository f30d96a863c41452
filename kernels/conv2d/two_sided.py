"""Products L X L' of small matrices, with one X in each lane of a vector.

Winograd's transforms have this form. The matrix L is a constant, given as a product of factors; its
zeros and ones generate no multiplications.
"""

from llvmlite import ir
from numba import types

from ..intrinsic import intrinsic
from ..micro_kernel import INDEX, Code

Matrix = tuple[tuple[float, ...], ...]


def two_sided(factors_of: dict[int, tuple[Matrix, ...]]):
    """A function for kernels:  y[i, j] = sum over r and q of  L[i, r] * x[r, q] * L[j, q].

    factors_of: for each size of a tile, the factors of L.

    f(tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column) computes it for the matrices in all
    lanes of a vector. Element (r, q) of lane l is at x_at + r * x_row + q * x_column + l; y is laid
    out in the same way.
    """

    @intrinsic
    def transform(typing, tile, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
        at = types.intp

        def write(context, builder, signature, args):
            for tile, factors in factors_of.items():
                with builder.if_then(builder.icmp_signed("==", args[0], INDEX(tile))):
                    _write(factors, context, builder, signature.args[1:], args[1:])
            return context.get_dummy_value()

        return types.void(at, x, at, at, at, y, at, at, at), write

    return transform


def _write(factors, context, builder, kinds, args):
    x, x_at, x_row, x_column, y, y_at, y_row, y_column = args
    size = range(len(factors[-1][0]))
    code = Code(context, builder, kinds[0])
    x, y = code.data(kinds[0], x), code.data(kinds[4], y)
    rows = [
        [code.load(x, code.at(code.at(x_at, x_row, r), x_column, q)) for q in size] for r in size
    ]
    columns = [_times(code, factors, column) for column in zip(*rows, strict=True)]
    result = [_times(code, factors, row) for row in zip(*columns, strict=True)]
    for i, row in enumerate(result):
        for j, value in enumerate(row):
            code.store(value, y, code.at(code.at(y_at, y_row, i), y_column, j))


def transposed(factors):
    """The factors of L'."""
    return tuple(tuple(zip(*factor, strict=True)) for factor in reversed(factors))


def _times(code, factors, column):
    """L @ column, a list of vectors."""
    for factor in reversed(factors):
        column = [_combine(code, row, column) for row in factor]
    return column


def _combine(code, weights, vectors):
    """The sum of weight * vector; weights of 1 and -1 generate no multiplication."""
    builder, total = code.builder, None
    terms = [(weight, vector) for weight, vector in zip(weights, vectors, strict=True) if weight]
    terms.sort(key=lambda term: term[0] != 1)
    for weight, vector in terms:
        if total is None:
            total = vector if weight == 1 else builder.fmul(vector, _constant(vector, weight))
        elif weight == 1:
            total = builder.fadd(total, vector)
        elif weight == -1:
            total = builder.fsub(total, vector)
        else:
            total = code.multiply_add(vector, _constant(vector, weight), total)
    return total


def _constant(vector, value):
    return ir.Constant(vector.type, [value] * vector.type.count)
