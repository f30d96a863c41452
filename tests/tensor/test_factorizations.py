"""Derivatives of both orders, by differences."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import linalg

RNG = np.random.default_rng(0)
SQUARE = RNG.standard_normal((2, 3, 3)) + 3 * np.eye(3)
TALL = RNG.standard_normal((2, 4, 3))
WIDE = RNG.standard_normal((3, 4))
VECTOR = RNG.standard_normal((3,))


def symmetric(x):
    return (x + x.mT) / 2


def positive(x):
    return x @ x.mT + mt.eye(x.shape[-1], dtype=x.dtype)


def singular(x):
    """What does not depend on the signs of the singular vectors."""
    u, s, vh = linalg.svd(x, full_matrices=False)
    return u**2, s, vh**2, u @ vh


def eigen(x):
    w, v = linalg.eigh(symmetric(x))
    return w, v**2


def triangular(x):
    q, r = linalg.qr(x)
    return q**2, r**2, q @ r.sin().abs().tril().triu()


CASES = {
    "inv": (linalg.inv, SQUARE),
    "det": (linalg.det, SQUARE),
    "slogdet": (lambda x: linalg.slogdet(x).logabsdet, SQUARE),
    "logdet": (lambda x: linalg.logdet(positive(x)), SQUARE),
    "solve": (linalg.solve, SQUARE, TALL[:, :3]),
    "solve broadcast": (linalg.solve, SQUARE[0], TALL[:, :3, :2]),
    "solve vectors": (linalg.solve, SQUARE, VECTOR),
    "solve right": (lambda a, b: linalg.solve(a, b, left=False), SQUARE, TALL),
    "matrix_power": (lambda x: linalg.matrix_power(x, 3), SQUARE),
    "matrix_power of the inverse": (lambda x: linalg.matrix_power(x, -2), SQUARE),
    "multi_dot": (lambda a, b, c: linalg.multi_dot([a, b, c]), VECTOR, WIDE, TALL[0]),
    "cholesky": (lambda x: linalg.cholesky(positive(x)), SQUARE),
    "cholesky upper": (lambda x: linalg.cholesky(positive(x), upper=True), SQUARE),
    "eigh": (eigen, SQUARE),
    "svd tall": (singular, TALL),
    "svd wide": (singular, WIDE),
    "svd square": (singular, SQUARE),
    "qr": (triangular, TALL),
    "pinv tall": (linalg.pinv, TALL),
    "pinv wide": (linalg.pinv, WIDE),
    "cond": (linalg.cond, SQUARE),
    **{f"matrix_norm {o}": (lambda x, o=o: linalg.matrix_norm(x, o), TALL)
       for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)},
    "vector_norm": (lambda x: linalg.vector_norm(x, 3, (0, 2)), TALL),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_derivatives_are_the_slopes(name):
    function, *arrays = CASES[name]
    inputs = tuple(mt.tensor(a, requires_grad=True) for a in arrays)
    assert mt.gradcheck(function, inputs)
    assert mt.gradgradcheck(function, inputs)


def test_what_has_no_derivative_is_refused():
    wide = mt.tensor(WIDE, requires_grad=True)
    q, _ = linalg.qr(wide)
    with pytest.raises(RuntimeError, match=r"^qr: backward: a matrix of 3 rows and 4 columns"):
        q.sum().backward()
    with pytest.raises(RuntimeError, match=r"^svd: A of shape \(3, 4\) requires grad, and full"):
        linalg.svd(wide)
    singular = mt.zeros(2, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"^det: backward: singular matrix"):
        linalg.det(singular).backward()
