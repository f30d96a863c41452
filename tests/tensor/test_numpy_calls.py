"""NumPy's functions on tensors: the values of NumPy's on arrays, with gradients, or a refusal."""

import operator

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor

ONE = [
    np.absolute, np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.square, np.reciprocal, np.sin,
    np.cos, np.tanh, np.negative, np.positive, np.floor, np.ceil, np.rint, np.sign, np.isnan,
    np.isinf, np.isfinite, np.logical_not, np.tan, np.arctan, np.sinh, np.cosh, np.arcsinh,
    np.log2, np.log10, np.exp2, np.trunc,
]  # fmt: skip
TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.true_divide, np.power, np.remainder, np.mod,
    np.floor_divide, np.maximum, np.minimum, np.equal, np.not_equal, np.less, np.less_equal,
    np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_xor, np.matmul,
    np.arctan2, np.hypot,
    np.arctan2, np.hypot, np.fmax, np.fmin, np.fmod, np.logaddexp,
]  # fmt: skip
BITS = [np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.invert]
X, Y = np.array([0.7, 1.4, 2.6]), np.array([1.6, 0.4, 2.2])


def same(got, wanted):
    assert type(got) is Tensor and got.dtype == wanted.dtype
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("ufunc", ONE, ids=lambda f: f.__name__)
def test_ufuncs_of_one_give_a_tensor(ufunc):
    same(ufunc(Tensor(X)), ufunc(X))
    x = Tensor(X, requires_grad=True)
    if ufunc(x).requires_grad:
        assert mt.gradcheck(ufunc, x)


@pytest.mark.parametrize("ufunc", TWO, ids=lambda f: f.__name__)
def test_ufuncs_of_two_give_a_tensor_whichever_is_one(ufunc):
    wanted = ufunc(X, Y)
    for a, b in ((Tensor(X), Tensor(Y)), (X, Tensor(Y)), (Tensor(X), Y)):
        same(ufunc(a, b), wanted)
    y = Tensor(Y, requires_grad=True)
    if ufunc(X, y).requires_grad:
        assert mt.gradcheck(lambda y: ufunc(X, y), y)


@pytest.mark.parametrize("ufunc", BITS, ids=lambda f: f.__name__)
def test_ufuncs_of_bits(ufunc):
    arrays = [np.array([6, 3, 1]), np.array([1, 2, 3])][: ufunc.nin]
    same(ufunc(*map(Tensor, arrays)), ufunc(*arrays))


OPERATORS = [
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "eq", "ne", "lt", "le",
    "gt", "ge",
]  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", [np.asarray, lambda x: x[0], lambda x: float(x[0])])
def test_arrays_and_numbers_on_either_side_of_an_operator_give_a_tensor(name, kind):
    if name == "matmul" and kind is not np.asarray:
        pytest.skip("a matrix product of a number is none")
    op, other = getattr(operator, name), kind(X)
    same(op(other, Tensor(Y)), op(other, Y))
    same(op(Tensor(Y), other), op(Y, other))


FUNCTIONS = {
    "sum": lambda x: np.sum(x),
    "sum of an axis": lambda x: np.sum(x, axis=0, keepdims=True),
    "sum in a dtype": lambda x: np.sum(x, 1, np.float32),
    "mean": lambda x: np.mean(x, axis=-1),
    "prod": lambda x: np.prod(x, axis=0),
    "std": lambda x: np.std(x),
    "var": lambda x: np.var(x, axis=1, ddof=1),
    "max": lambda x: np.max(x, None),
    "amax": lambda x: np.amax(x, axis=1),
    "min": lambda x: np.min(x, axis=(0, 1)),
    "argmax": lambda x: np.argmax(x, axis=1),
    "argmin": lambda x: np.argmin(x),
    "all": lambda x: np.all(x > 0.5, axis=0),
    "any": lambda x: np.any(x > 2),
    "cumsum": lambda x: np.cumsum(x),
    "cumsum of an axis": lambda x: np.cumsum(x, axis=1),
    "clip": lambda x: np.clip(x, 0.8, None),
    "round": lambda x: np.round(x),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "ravel": lambda x: np.ravel(x),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "transpose": lambda x: np.transpose(x),
    "transpose to": lambda x: np.transpose(x, (1, 0)),
    "dot": lambda x: np.dot(x, np.ones((3, 1))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_with_a_method_of_their_name_give_a_tensor(name):
    fn, x = FUNCTIONS[name], np.stack([X, Y])
    wanted = np.asarray(fn(x))
    same(fn(Tensor(x)), wanted)
    leaf = Tensor(x, requires_grad=True)
    assert fn(leaf).requires_grad == (wanted.dtype.kind == "f")
    if wanted.dtype == np.float64:
        assert mt.gradcheck(fn, leaf)


def test_sizes_are_asked_of_what_requires_grad():
    x = mt.ones(2, 3, requires_grad=True)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((2, 3), 2, 6, 3)


def test_other_functions_take_the_array():
    x = Tensor(X)
    assert np.allclose(x, X) and np.array_equal(x, X) and np.percentile(x, 50) == 1.4
    assert type(np.concatenate([x, X])) is np.ndarray and np.stack((x, x)).shape == (2, 3)
    with pytest.raises(RuntimeError, match=r"^numpy: the tensor requires grad"):
        np.concatenate([X, Tensor(X, requires_grad=True)])


def test_an_array_that_is_written_to_stays_one():
    a = same_array = np.ones(3)
    a += Tensor(X)
    assert a is same_array and type(a) is np.ndarray
    np.testing.assert_array_equal(a, X + 1)
    with pytest.raises(RuntimeError, match=r"^numpy: the tensor requires grad"):
        a += Tensor(X, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: np.cbrt(x), "np.cbrt"),
        (lambda x: np.nextafter(X, x), "np.nextafter"),
        (lambda x: divmod(X, x), "np.divmod"),
        (lambda x: np.add.reduce(x), "np.add.reduce"),
        (lambda x: np.multiply.outer(X, x), "np.multiply.outer"),
        (lambda x: np.add(x, 1, where=X > 1), "np.add with where"),
        (lambda x: np.add(X, 1, out=x), "np.add: out must be an array"),
        (lambda x: np.sum(x, out=np.zeros(())), "np.sum: got an unexpected keyword argument 'out'"),
        (lambda x: np.mean(x, where=X > 1), "np.mean: got an unexpected keyword"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(call, name):
    with pytest.raises(TypeError, match=f"^{name}"):
        call(Tensor(X))


def test_numbers_are_formatted_and_other_tensors_are_not():
    assert f"{mt.tensor(1.25):.1f}|{mt.tensor(3):>4d}|{mt.tensor(1.5)}" == "1.2|   3|1.5"
    loss = mt.tensor(2.0, requires_grad=True) * 2
    assert f"{loss:.3f}" == "4.000" and f"{mt.nn.Parameter(mt.tensor(0.5)):.0%}" == "50%"
    assert f"{mt.ones(2)}" == "tensor([1., 1.])" == str(mt.ones(2))
    with pytest.raises(TypeError, match=r"^format: a tensor of shape \(1,\) has no format '.2f'"):
        f"{mt.ones(1):.2f}"


def test_round_and_plus():
    x = Tensor(np.array([0.5, 1.5, -2.6]), requires_grad=True)
    assert round(x).tolist() == [0, 2, -3] and round(x).requires_grad
    assert +x is x and mt.positive(x) is x and x.positive() is x
    with pytest.raises(TypeError, match=r"^positive: a boolean"):
        +mt.tensor(True)
