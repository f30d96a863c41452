"""The usual calls of an op do what `apply` does."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd.usual_calls import apply_one, apply_two
from minitorch_cnn.tensor.activation import ReLU, Tanh
from minitorch_cnn.tensor.arithmetic import Add, Div, Mul, Sub
from minitorch_cnn.tensor.indexing import Index
from minitorch_cnn.tensor.linalg import MatMul
from minitorch_cnn.tensor.movement import Permute, Reshape
from minitorch_cnn.tensor.reduction import Sum

ONE = [
    (Tanh, {}),
    (ReLU, {}),
    (Reshape, {"shape": (6,)}),
    (Permute, {"dims": (1, 0)}),
    (Index, {"key": (1, Ellipsis)}),
    (Sum, {"axes": (0, 1), "keepdim": False}),
]
TWO = [(op, (2, 3), {}) for op in (Add, Sub, Mul, Div)]
TWO += [(Add, (2, 1), {}), (MatMul, (2, 3), {"b_turned": True})]


def made(shape, dtype, needs):
    numbers = np.random.default_rng(len(shape)).uniform(0.5, 2, shape).astype(dtype)
    return mt.tensor(numbers, requires_grad=needs)


def same(y, expected, *inputs):
    """Whether two results have the same numbers, history and gradients of gradients."""
    assert y.dtype == expected.dtype and y.array.tobytes() == expected.array.tobytes()
    assert (y.requires_grad, y._index) == (expected.requires_grad, expected._index)
    assert (y._base is None) == (expected._base is None)
    assert type(y.grad_fn) is type(expected.grad_fn)
    wanted = [x for x in inputs if x.requires_grad]
    if y.requires_grad:
        pairs = zip(
            *(mt.grad(z.sum(), wanted, create_graph=True) for z in (y, expected)), strict=True
        )
        for g, g_expected in pairs:
            assert g.array.tobytes() == g_expected.array.tobytes()


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("needs", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("op, settings", ONE)
def test_an_op_of_one_tensor(op, settings, dtype, needs, recording):
    x = made((2, 3), dtype, needs)
    with mt.set_grad_enabled(recording):
        same(apply_one(op, x, **settings), op.apply(x, **settings), x)
        same(apply_one(op, x[:, :], **settings), op.apply(x[:, :], **settings), x)


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("op, shape, settings", TWO)
def test_an_op_of_two_tensors(op, shape, settings, dtype, needs, recording):
    a, b = made((2, 3), dtype, needs[0]), made(shape, dtype, needs[1])
    with mt.set_grad_enabled(recording):
        same(apply_two(op, a, b, **settings), op.apply(a, b, **settings), a, b)


def test_a_result_without_axes_and_a_write_to_it_are_recorded():
    x = mt.tensor(2.0, requires_grad=True)
    y = apply_two(Mul, apply_one(Tanh, x), x)
    y.backward()
    assert x.grad.item() == pytest.approx(np.tanh(2) + 2 / np.cosh(2) ** 2)
    z = apply_one(Tanh, x)
    with mt.no_grad():
        z += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_an_operator_is_silent_about_infinities():
    x = mt.tensor([1.0, 0.0], requires_grad=True)
    assert ((x / mt.zeros(2)).array == [np.inf, np.nan]).tolist() == [True, False]


def test_anomaly_mode_names_the_call_of_an_operator():
    with mt.autograd.detect_anomaly():
        x = mt.tensor([0.0, 0.0], requires_grad=True)
        y = x / mt.zeros(2)
        with pytest.raises(RuntimeError, match=r"(?s)Div.backward.*test_usual_calls.*y = x / mt"):
            (y * 0).sum().backward()


def test_a_subclass_with_a_forward_of_its_own_does_not_compute_as_its_base():
    class Twice(Add):
        @staticmethod
        def forward(ctx, a, b):
            ctx.shapes = a.shape, b.shape
            return 2 * (a + b)

    x = mt.ones(2)
    assert apply_two(Twice, x, x).tolist() == [4, 4]
    assert apply_two(Add, x, x).tolist() == [2, 2]
