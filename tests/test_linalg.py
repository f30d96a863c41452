"""Linear algebra beside NumPy and torch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import linalg

RNG = np.random.default_rng(1)
A = RNG.standard_normal((2, 4, 4))
P = A @ A.swapaxes(-1, -2) + np.eye(4)
M = RNG.standard_normal((2, 5, 3))
V = RNG.standard_normal(6)
PLAIN = np.linalg
CASES = {
    "inv": (lambda m: m.inv, (A,), {}),
    "det": (lambda m: m.det, (A,), {}),
    "slogdet": (lambda m: m.slogdet, (A,), {}),
    "solve": (lambda m: m.solve, (A, M[:, :4]), {}),
    "matrix_power": (lambda m: m.matrix_power, (A, 5), {}),
    "matrix_power 0": (lambda m: m.matrix_power, (A, 0), {}),
    "matrix_power -1": (lambda m: m.matrix_power, (A, -1), {}),
    "cholesky": (lambda m: m.cholesky, (P,), {}),
    "eigh": (lambda m: m.eigh, (P,), {}),
    "eigh upper": (lambda m: m.eigh, (A, "U"), {}),
    "eigvalsh": (lambda m: m.eigvalsh, (P,), {}),
    "svd": (lambda m: m.svd, (M,), {}),
    "svd thin": (lambda m: m.svd, (M,), {"full_matrices": False}),
    "qr": (lambda m: m.qr, (M,), {}),
    "pinv": (lambda m: m.pinv, (M,), {}),
    "pinv of low rank": (lambda m: m.pinv, (M[:, :, :1] @ M[:, :1, :],), {}),
    "matrix_rank": (lambda m: m.matrix_rank, (M[:, :, :2] @ M[:, :2, :],), {}),
    "cond": (lambda m: m.cond, (A,), {}),
    "cond 1": (lambda m: m.cond, (A, 1), {}),
    "multi_dot": (lambda m: m.multi_dot, ([V, V[:, None] * V, V],), {}),
}


def of(m, x):
    if isinstance(x, list):
        return [of(m, y) for y in x]
    return m.tensor(x) if isinstance(x, np.ndarray) else x


def parts(result):
    many = isinstance(result, tuple)
    return [np.asarray(r) for r in (result if many else (result,))]


@pytest.mark.parametrize("name", CASES)
def test_results_are_numpys(name):
    find, args, settings = CASES[name]
    ours = parts(find(linalg)(*(of(mt, a) for a in args), **settings))
    theirs = parts(find(PLAIN)(*args, **settings))
    assert len(ours) == len(theirs)
    for got, want in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
        assert got.dtype == want.dtype


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith(("eigh up", "cond 1"))])
def test_results_names_and_arguments_are_torchs(name):
    torch = pytest.importorskip("torch")
    find, args, settings = CASES[name]
    ours = find(linalg)(*(of(mt, a) for a in args), **settings)
    theirs = find(torch.linalg)(*(of(torch, a) for a in args), **settings)
    for got, want in zip(parts(ours), parts(theirs), strict=True):
        np.testing.assert_allclose(abs(got), abs(want), rtol=1e-9, atol=1e-11)
    if isinstance(ours, tuple):
        assert all(hasattr(theirs, field) for field in ours._fields)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf, 0, 3])
@pytest.mark.parametrize("dim", [None, 0, -1, (0, 1), (2, 0), (1,)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_norms_are_torchs(ord, dim, keepdim):
    torch = pytest.importorskip("torch")
    for x in (M, M[0], V):
        try:
            theirs = torch.linalg.norm(torch.tensor(x), ord, dim, keepdim)
        except (RuntimeError, IndexError):
            with pytest.raises((RuntimeError, ValueError, IndexError), match=r"^\w+: "):
                linalg.norm(mt.tensor(x), ord, dim, keepdim)
            continue
        ours = linalg.norm(mt.tensor(x), ord, dim, keepdim)
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9)


def test_second_places_are_the_same_functions():
    assert mt.det is linalg.det and mt.inverse is linalg.inv and mt.pinverse is linalg.pinv
    np.testing.assert_allclose(mt.logdet(mt.tensor(P)), np.log(PLAIN.det(P)))
    assert mt.logdet(mt.tensor([[-1.0]])).isnan()
    x = mt.tensor(A)
    np.testing.assert_array_equal(x.inverse(), linalg.inv(x))
    np.testing.assert_array_equal(x.det(), linalg.det(x))
    assert mt.linalg.solve(x, mt.tensor(A[:, 0])).shape == (2, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: linalg.inv(mt.zeros(2, 2)), RuntimeError, "inv: singular matrix"),
        (
            lambda: linalg.inv(mt.zeros(2, 3)),
            RuntimeError,
            r"inv: A of shape \(2, 3\) must be of sq",
        ),
        (lambda: linalg.inv(mt.arange(4).view(2, 2)), TypeError, "inv: A must be of float32 or"),
        (lambda: linalg.det(mt.zeros(2)), RuntimeError, r"det: A of shape \(2,\) must have at"),
        (lambda: linalg.det(mt.zeros(2, 2).half()), TypeError, "det: A must be of float32 or"),
        (lambda: linalg.solve(mt.eye(2), mt.zeros(3, 1)), RuntimeError, "solve: .* do not meet"),
        (lambda: linalg.solve(mt.eye(2), mt.zeros(2).double()), RuntimeError, "solve: B of dtype"),
        (lambda: linalg.cholesky(-mt.eye(2)), RuntimeError, "cholesky: matrix is not positive def"),
        (lambda: linalg.eigh(mt.eye(2), "X"), ValueError, "eigh: UPLO='X' must be"),
        (lambda: linalg.qr(mt.eye(2), "complete"), ValueError, "qr: mode='complete' must be"),
        (lambda: linalg.multi_dot([mt.eye(2)]), RuntimeError, "multi_dot: tensors has 1"),
        (lambda: linalg.matrix_norm(mt.eye(2), 3), ValueError, "matrix_norm: ord=3 must be"),
    ],
)
def test_other_matrices_are_refused_by_name(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
