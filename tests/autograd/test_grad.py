"""grad: derivatives with respect to chosen tensors, without changing any .grad."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor


def test_gradients_come_in_the_order_of_the_inputs_and_touch_no_grad(leaf):
    x, w = leaf(3), leaf(3)
    gw, gx = mt.grad((x * w).sum(), [w, x])
    np.testing.assert_array_equal(gw.array, x.array)
    np.testing.assert_array_equal(gx.array, w.array)
    assert x.grad is None and w.grad is None
    assert not gw.requires_grad


def test_an_intermediate_tensor_can_be_an_input(leaf):
    x = leaf(3)
    y = x * 2
    z = (y * y).sum()
    gy, gx = mt.grad(z, [y, x])
    np.testing.assert_allclose(gy.array, 2 * y.array)
    np.testing.assert_allclose(gx.array, 4 * y.array)


def test_the_output_itself_can_be_an_input(leaf):
    y = (leaf(3) * 2).sum()
    (g,) = mt.grad(y, y)
    assert g.item() == 1


def test_several_outputs_add_up_under_their_cotangents(leaf):
    x = leaf(2)
    v = Tensor(np.array([3.0, 4.0]))
    (g,) = mt.grad([x * 2, (x * 5).sum()], x, [v, None])
    np.testing.assert_array_equal(g.array, 2 * v.array + 5)


def test_inputs_named_twice_get_the_same_gradient(leaf):
    x = leaf(2)
    a, b = mt.grad((x * 3).sum(), [x, x])
    np.testing.assert_array_equal(a.array, b.array)


def test_an_unused_input_is_refused_or_none(leaf):
    x, w = leaf(2), leaf(2)
    with pytest.raises(RuntimeError, match=r"^grad: .* do not depend on inputs\[1\].*allow_unused"):
        mt.grad((x * 1).sum(), [x, w])
    g, nothing = mt.grad((x * 1).sum(), [x, w], allow_unused=True)
    assert g is not None and nothing is None


def test_a_constant_input_is_refused(leaf):
    with pytest.raises(RuntimeError, match=r"^grad: inputs\[0\] does not require grad"):
        mt.grad(leaf(2).sum(), Tensor(np.ones(2)))


def test_a_constant_output_is_refused(leaf):
    with pytest.raises(RuntimeError, match=r"^grad: the tensor does not require grad"):
        mt.grad(Tensor(np.ones(())), leaf(2))


def test_the_number_of_cotangents_must_fit(leaf):
    x = leaf(2)
    with pytest.raises(ValueError, match=r"^grad: 1 grad_outputs for 2 outputs"):
        mt.grad([x * 1, x * 2], x, [Tensor(np.ones(2))])


def test_the_graph_is_freed_unless_retained(leaf):
    x = leaf(2)
    y = (x * x).sum()
    mt.grad(y, x, retain_graph=True)
    mt.grad(y, x)
    with pytest.raises(RuntimeError, match=r"freed"):
        mt.grad(y, x)


def test_create_graph_gives_gradients_of_gradients(leaf):
    x = leaf(3)
    (g,) = mt.grad((x**3).sum(), x, create_graph=True)
    (h,) = mt.grad(g, x, Tensor(np.array([1.0, 2, 3])))
    np.testing.assert_allclose(h.array, 6 * x.array * [1, 2, 3])


def test_a_gradient_of_another_dtype_is_converted():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    (g,) = mt.grad(x * 1, x, Tensor(np.ones(2)))
    assert g.dtype == np.float32
    x.backward(Tensor(np.ones(2)))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (mt.ones(3, 2), RuntimeError, r"^grad: a gradient of shape \(3, 2\) .* of shape \(2,\)"),
        (mt.ones(1), RuntimeError, r"^grad: a gradient of shape \(1,\)"),
        (mt.ones(2, dtype=mt.float64), RuntimeError, r"^grad: a gradient of dtype float64"),
        (mt.ones(2, dtype=mt.int64), RuntimeError, r"^grad: a gradient of dtype int64"),
        (mt.ones(2, device="emulator"), RuntimeError, r"^grad: a gradient of device emulator"),
        (np.ones(2, np.float32), TypeError, r"^grad: must be a Tensor or None, got ndarray"),
        (1.0, TypeError, r"^grad: must be a Tensor or None, got float"),
    ],
)
@pytest.mark.parametrize("kind", ["leaf", "parameter", "constant", "result"])
def test_only_a_fitting_gradient_is_assigned(kind, value, error, message):
    x = mt.ones(2, requires_grad=kind != "constant")
    x = {"parameter": mt.nn.Parameter(x), "result": x * 1}.get(kind, x)
    given = mt.ones(2)
    x.grad = given
    with pytest.raises(error, match=message):
        x.grad = value
    assert x.grad is given
    x.grad = None
    assert x.grad is None
    x.grad = given
    del x.grad
    assert x.grad is None
    with pytest.raises(RuntimeError, match="its own gradient"):
        x.grad = x


def test_backward_reaches_the_inputs_it_is_given_and_no_others(leaf):
    x, w = leaf(3), leaf(3)
    h = x * w
    y = (h * x).sum()
    y.backward(inputs=w, retain_graph=True)
    assert x.grad is None and np.allclose(w.grad.array, x.array**2)
    y.backward(inputs=[w, w, h], retain_graph=True)  # added to; a tensor in between, too
    assert x.grad is None and np.allclose(w.grad.array, 2 * x.array**2)
    assert np.allclose(h.grad.array, x.array)
    other = leaf(2)
    y.backward(inputs=(other, x))
    assert other.grad is None and np.allclose(x.grad.array, 2 * (x * w).array)


def test_backward_of_several_tensors_adds_up(leaf):
    x = leaf(3)
    a, b = x * 2, (x * x).sum()
    mt.autograd.backward([a, b], [mt.ones(3, dtype=mt.float64), None], retain_graph=True)
    np.testing.assert_allclose(x.grad.array, 2 + 2 * x.array)
    mt.autograd.backward(b, inputs=[x], create_graph=True)
    np.testing.assert_allclose(x.grad.array, 2 + 4 * x.array)
    assert x.grad.requires_grad


def test_backward_refuses_by_name(leaf):
    x = leaf(3)
    y = (x * 2).sum()
    for call, error, message in [
        (lambda: y.backward(inputs=[]), RuntimeError, "inputs is empty"),
        (lambda: y.backward(inputs=[mt.ones(1)]), RuntimeError, r"inputs\[0\] does not require"),
        (lambda: y.backward(inputs=[x, 3]), TypeError, r"inputs\[1\] must be a Tensor, got int"),
        (lambda: mt.autograd.backward([y, y], [None]), RuntimeError, "1 grad_tensors for 2"),
        (lambda: mt.autograd.backward(x * 2), RuntimeError, "a gradient must be given"),
        (lambda: mt.autograd.backward(mt.ones(1)), RuntimeError, "does not require grad"),
    ]:
        with pytest.raises(error, match=f"^backward: .*{message}"):
            call()
    assert x.grad is None


def test_unused_inputs_give_zeros_where_asked_for(leaf):
    x, w = leaf(3), leaf(2)
    gx, gw = mt.grad(x.sum(), (x, w), materialize_grads=True)
    assert gx.tolist() == [1, 1, 1] and gw.tolist() == [0, 0] and gw.dtype == w.dtype
    with pytest.raises(ValueError, match=r"^grad: materialize_grads=True"):
        mt.grad(x.sum(), (x, w), allow_unused=False, materialize_grads=True)


def test_pytorchs_other_arguments_are_taken_at_their_defaults(leaf):
    x = leaf(3)
    (g,) = mt.grad(
        (x * x).sum(), x, None, True, False, True, allow_unused=True, is_grads_batched=False
    )
    assert g.tolist() == (2 * x.detach()).tolist()
    for name, value in (("only_inputs", False), ("is_grads_batched", True)):
        with pytest.raises(ValueError, match=rf"^grad: {name}={value} must be {not value}"):
            mt.grad((x * x).sum(), x, **{name: value})
