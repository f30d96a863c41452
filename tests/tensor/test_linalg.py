"""Products of matrices and vectors against PyTorch."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor.linalg import MatMul
from tests.tensor.parity import compare

SHAPES = [
    (),
    (3,),
    (4,),
    (2, 3),
    (3, 2),
    (3, 3),
    (0, 3),
    (3, 0),
    (2, 2, 3),
    (2, 3, 2),
    (5, 1, 3, 3),
    (1, 3, 1),
]


@pytest.mark.parametrize("shapes", list(itertools.product(SHAPES, SHAPES)))
def test_matmul_of_any_two_shapes(shapes, torch):
    rng = np.random.default_rng(0)
    a, b = (np.asarray(rng.standard_normal(shape)) for shape in shapes)

    def run(m, x, y):
        x.requires_grad_()
        y.requires_grad_()
        z = x @ y
        (z * z).sum().backward()
        return [z, x.grad, y.grad]

    compare(torch, run, a, b, rtol=1e-12)


@pytest.mark.parametrize("name", ["mm", "bmm", "dot", "outer"])
@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3, 2)),
        ((2, 3), (2, 3)),
        ((2, 2, 3), (2, 3, 1)),
        ((2, 2, 3), (3, 3, 1)),
        ((3,), (3,)),
        ((3,), (2,)),
        ((), ()),
    ],
)
def test_ranked_products(name, shapes, torch):
    a, b = (np.arange(float(np.prod(shape))).reshape(shape) for shape in shapes)
    compare(torch, lambda m, x, y: getattr(m, name)(x, y), a, b)


@pytest.mark.parametrize(
    "dtypes", [(np.int64, np.int64), (np.float32, np.float64), (np.float32, np.int64)]
)
def test_dtypes(dtypes, torch):
    a, b = (np.arange(4).reshape(2, 2).astype(dtype) for dtype in dtypes)
    compare(torch, lambda m, x, y: x @ y, a, b)


@pytest.mark.parametrize(
    ("shapes", "name", "message"),
    [
        (((2, 3), (2, 3)), "matmul", r"^matmul: shapes \(2, 3\) and \(2, 3\) do not meet: 3 != 2"),
        (((), (2,)), "matmul", "^matmul: both operands must have at least one axis"),
        (((2, 2, 3), (3, 3, 1)), "matmul", r"^matmul: shapes \(2,\) and \(3,\) do not broadcast"),
        (((3,), (3, 3)), "mm", "^mm: operands have 1 and 2 axes, must have 2"),
        (((2, 2, 3), (3, 3, 1)), "bmm", "^bmm: batches of 2 and 3 matrices must be equal"),
        (((2, 2), (2,)), "outer", "^outer: operands have 2 and 1 axes, must have 1"),
        (((3,), (2,)), "dot", "^dot: shapes"),
        (((2, 3), (2, 3)), "mm", "^mm: shapes"),
    ],
)
def test_errors_name_the_function_and_the_rule(shapes, name, message):
    with pytest.raises(RuntimeError, match=message):
        getattr(mt, name)(*(mt.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("turned", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("batches", [((), ()), ((2,), (5, 1))])
def test_a_product_of_transposes_and_its_first_two_derivatives(turned, batches):
    rng = np.random.default_rng(0)
    arrays = [
        rng.standard_normal((*batch, *(size[::-1] if flip else size)))
        for batch, size, flip in zip(batches, ((2, 3), (3, 4)), turned, strict=True)
    ]
    a, b = (mt.tensor(array, requires_grad=True) for array in arrays)
    settings = dict(zip(("a_turned", "b_turned"), turned, strict=True))
    A, B = (np.swapaxes(x, -1, -2) if flip else x for x, flip in zip(arrays, turned, strict=True))
    np.testing.assert_allclose(MatMul.apply(a, b, **settings).detach().numpy(), A @ B)
    assert mt.gradcheck(lambda a, b: MatMul.apply(a, b, **settings), (a, b))
    assert mt.gradgradcheck(lambda a, b: MatMul.apply(a, b, **settings), (a, b))
