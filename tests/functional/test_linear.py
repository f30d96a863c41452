"""linear against the loop over rows."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (0,), (2, 0, 1)])
def test_linear_is_a_dot_product_per_output_and_so_is_its_gradient(batch, bias, rng):
    x, w = rng.standard_normal((*batch, 5)), rng.standard_normal((3, 5))
    b = rng.standard_normal(3) if bias else None
    inputs = [None if a is None else Tensor(a, requires_grad=True) for a in (x, w, b)]
    y = F.linear(*inputs)
    expected = np.einsum("...i,oi->...o", x, w) + (b if bias else 0)
    np.testing.assert_allclose(y.array, expected)
    if x.size:
        assert gradcheck(F.linear, inputs)
        assert gradgradcheck(F.linear, inputs)
    else:
        y.sum().backward()
        assert not inputs[1].grad.array.any() and inputs[0].grad.shape == x.shape


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_a_vector_of_weights_makes_one_output_without_an_axis(batch, rng):
    x, w, b = (
        Tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((*batch, 5), (5,), ())
    )
    np.testing.assert_allclose(F.linear(x, w).array, x.array @ w.array)
    np.testing.assert_allclose(F.linear(x, w, b).array, x.array @ w.array + b.array)
    assert gradcheck(F.linear, (x, w, b)) and gradgradcheck(F.linear, (x, w, b))


def test_the_input_s_gradient_is_not_computed_where_nobody_wants_it(rng, monkeypatch):
    x = Tensor(rng.standard_normal((4, 5)))
    w = Tensor(rng.standard_normal((3, 5)), requires_grad=True)
    y = F.linear(x, w)
    monkeypatch.setattr(type(y._node), "forward", None)
    gx, gw, gb = y._node.backward(y._node, Tensor(np.ones((4, 3))))
    assert gx is None and gb is None and gw.shape == (3, 5)


@pytest.mark.parametrize(
    ("x", "w", "b", "message"),
    [
        ((2, 4), (3, 5), (3,), r"input of shape \(2, 4\) must end in weight's 5 columns"),
        ((), (3, 5), (3,), r"input of shape \(\) must end in"),
        ((2, 5), (5,), (3,), r"weight of shape \(5,\) must be \(O, I\)"),
        ((2, 5), (), (), r"weight of shape \(\) must be \(O, I\)"),
        ((2, 5), (3, 5), (5,), r"bias of shape \(5,\) must be \(3,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(x, w, b, message):
    with pytest.raises(ValueError, match=rf"^linear: {message}"):
        F.linear(*(Tensor(np.zeros(shape)) for shape in (x, w, b)))


def test_dtypes_must_agree():
    x, w = Tensor(np.zeros((2, 5), np.float32)), Tensor(np.zeros((3, 5)))
    with pytest.raises(
        TypeError, match=r"^linear: weight of dtype float64 must be of input's dtype"
    ):
        F.linear(x, w)
    with pytest.raises(TypeError, match=r"^linear: input of dtype int64 must be of a floating"):
        F.linear(Tensor(np.zeros((2, 5), int)), w)
