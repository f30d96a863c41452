"""Jacobians, Hessians and products with them, against PyTorch and by hand."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import functional
from minitorch_cnn.tensor import Tensor

RNG = np.random.default_rng(4)
X, W = RNG.standard_normal((2, 3)), RNG.standard_normal(3)
FUNCTIONS = {
    "one to one": (lambda x: x.exp() * x.sum(), (X,), False),
    "two to one": (lambda x, w: (x * w).sin().sum(1), (X, W), False),
    "two to two": (lambda x, w: ((x * w).sum(), x.cos()), (X, W), False),
    "one unused": (lambda x, w: (x**3).sum(), (X, W), True),
    "linear": (lambda x: (x * 2).sum(), (X,), True),
    "scalar": (lambda x, w: ((x @ w) ** 2).sum(), (X, W), True),
}


def arrays(result):
    if isinstance(result, tuple | list):
        return [arrays(r) for r in result]
    return result.detach().numpy()


def same(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


PRODUCTS = [
    (product, name)
    for name, (_, _, scalar) in FUNCTIONS.items()
    for product in ("jacobian", "vjp", "jvp", *(("hessian", "vhp", "hvp") if scalar else ()))
]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("product", "name"), PRODUCTS)
def test_results_are_pytorch_s(name, product, create_graph):
    torch = pytest.importorskip("torch")
    fn, given, _ = FUNCTIONS[name]

    def run(m, functional, tensor):
        xs = tuple(tensor(x) for x in given)
        more = []
        if product in ("jvp", "vhp", "hvp"):
            more = [tuple(tensor(np.cos(x)) for x in given)]
        elif product == "vjp":
            ys = fn(*xs)
            many = isinstance(ys, tuple)
            vs = tuple(tensor(np.ones(tuple(y.shape)) * 0.5) for y in (ys if many else (ys,)))
            more = [vs if many else vs[0]]
        if len(given) == 1:
            xs, more = xs[0], [v[0] if isinstance(v, tuple) else v for v in more]
        call = getattr(functional, product)
        return arrays(call(fn, xs, *more, create_graph=create_graph))

    theirs = run(torch, torch.autograd.functional, lambda x: torch.from_numpy(np.array(x)))
    same(run(mt, functional, lambda x: Tensor(np.array(x))), theirs)


def test_with_a_graph_the_results_are_differentiated_again():
    x = Tensor(X[0], requires_grad=True)
    cube = functional.jacobian(lambda t: (t**3).sum(), x, create_graph=True)
    np.testing.assert_allclose(mt.grad(cube.sum(), x)[0].array, 6 * X[0])
    plain = functional.jacobian(lambda t: (t**3).sum(), x)
    assert not plain.requires_grad and x.grad is None
    with mt.no_grad():
        diagonal = functional.hessian(lambda t: (t**3).sum(), x)
    np.testing.assert_allclose(diagonal.array, np.diag(6 * X[0]))


def test_what_is_not_a_derivative_is_refused():
    x = Tensor(X)
    with pytest.raises(RuntimeError, match=r"^jacobian: output 0 does not depend on inputs\[1\]"):
        functional.jacobian(lambda a, b: a * 1, (x, x), strict=True)
    with pytest.raises(RuntimeError, match=r"^hessian: func must return one Tensor of one element"):
        functional.hessian(lambda a: a * a, x)
    with pytest.raises(RuntimeError, match=r"^vjp: v must be given"):
        functional.vjp(lambda a: a * a, x)
    with pytest.raises(RuntimeError, match=r"^jvp: v of shapes \[\(3,\)\] must have those of"):
        functional.jvp(lambda a: a * a, x, Tensor(W))
    with pytest.raises(TypeError, match=r"^vjp: inputs\[0\] must be a Tensor, got float"):
        functional.vjp(lambda a: a, (1.0,))
    with pytest.raises(TypeError, match=r"^vjp: func must return Tensors, its output 0 is int"):
        functional.vjp(lambda a: (3,), x)
