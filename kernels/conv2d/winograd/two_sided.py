"""Products L X L' of small matrices, with one X in each lane of a vector.

Winograd's transforms have this form. The matrix L is a constant, given as a product of factors; its
zeros and ones generate no multiplications.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...micro_kernel import Code


def two_sided(factors):
    """A function for kernels:  y[i, j] = sum over r and q of  L[i, r] * x[r, q] * L[j, q].

    f(x, x_at, x_row, x_column, y, y_at, y_row, y_column) computes it for the matrices in all lanes
    of a vector. Element (r, q) of lane l is at x_at + r * x_row + q * x_column + l; y is laid out
    in the same way.
    """
    size = len(factors[-1][0])

    @intrinsic
    def transform(typing, x, x_at, x_row, x_column, y, y_at, y_row, y_column):
        at = types.intp

        def write(context, builder, signature, args):
            x, x_at, x_row, x_column, y, y_at, y_row, y_column = args
            code = Code(context, builder, signature.args[0])
            x, y = code.data(signature.args[0], x), code.data(signature.args[4], y)
            rows = [
                [code.load(x, code.at(code.at(x_at, x_row, r), x_column, q)) for q in range(size)]
                for r in range(size)
            ]
            columns = [_times(code, factors, column) for column in zip(*rows, strict=True)]
            result = [_times(code, factors, row) for row in zip(*columns, strict=True)]
            for i, row in enumerate(result):
                for j, value in enumerate(row):
                    code.store(value, y, code.at(code.at(y_at, y_row, i), y_column, j))
            return context.get_dummy_value()

        return types.void(x, at, at, at, y, at, at, at), write

    return transform


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
