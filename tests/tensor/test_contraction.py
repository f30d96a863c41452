"""einsum and tensordot: forms beyond the table of gradients, dtypes, and what is refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

A, B = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    "equation",
    ["ij,jk->ik", "ij,jk->ki", "ij,jk", "ij, jk -> i", "Ab,bc->cA", "ij,jk->", "...j,j...->..."],
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "float16"])
def test_two_matrices(equation, dtype, torch):
    compare(torch, lambda m, a, b: m.einsum(equation, a, b), A.astype(dtype), B.astype(dtype))


@pytest.mark.parametrize(
    "equation",
    [
        "ij,jk->iz", "ij,jk->ii", "ij->ij", "ij,jk,kl->il", "ijk,jk->ik", "i,jk", "ij,j1->i",
        "ij,kj->ik", "...,...,...", "ij..,jk", "ij,jk->ik->", "ij,jk->...ik", "",
    ],
)  # fmt: skip
def test_equations_that_do_not_fit_are_refused(equation, torch):
    compare(torch, lambda m, a, b: m.einsum(equation, a, b), A, B)


def test_einsum_adds_16_bit_numbers_in_float32():
    x = mt.full((5000,), 1.0, dtype=mt.float16)
    assert mt.einsum("i->", x).item() == 5000 and mt.einsum("i,i->", x, x).item() == 5000


def test_axes_of_size_1_broadcast(torch):
    compare(torch, lambda m, a, b: m.einsum("bij,bjk->bik", a[None], b.expand(2, 3, 4)), A, B)
    compare(torch, lambda m, a: m.einsum("ij,ij->ij", a, a[:1]), A)
    compare(torch, lambda m, a: m.einsum("ij,ij->i", a[:, :1], a), A)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: mt.einsum(x, x), TypeError, "^einsum: equation must be a string, got Tensor"),
        (lambda x: mt.einsum("ij,jk", x), ValueError, "^einsum: equation 'ij,jk' names 2 operands"),
        (lambda x: mt.einsum("ijk", x), ValueError, "^einsum: 'ijk' in 'ijk' does not fit"),
        (lambda x: mt.einsum("i1", x), ValueError, "^einsum: 'i1' in 'i1' must be made of letters"),
        (lambda x: mt.einsum("ij->k", x), ValueError, "^einsum: the output of 'ij->k' must name"),
        (lambda x: mt.einsum("ii", x), RuntimeError, "^einsum: the index 'i' of 'ii' has sizes"),
        (lambda x: mt.tensordot(x, x, 3), RuntimeError, r"^tensordot: dims=3 must lie in \[0, 2\]"),
        (lambda x: mt.tensordot(x, x, 1), RuntimeError, "^tensordot: dims=1 pair sizes"),
        (lambda x: mt.tensordot(x, x, ([0], [5])), IndexError, "^tensordot: dim=5 must lie in"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.ones(2, 3))
