"""In-place changes of shape, and views of the memory."""

import numpy as np
import pytest

import minitorch_cnn as mt

X = np.arange(6.0).reshape(2, 1, 3)
CHANGES = {
    "unsqueeze_": [(0,), (-1,), (3,), (2,)],
    "squeeze_": [(), (1,), (0,), ((0, 1),)],
    "transpose_": [(0, 2), (-1, 1), (1, 1)],
    "swapaxes_": [(0, 2)],
    "swapdims_": [(1, 2)],
}
CASES = [(name, arguments) for name, every in CHANGES.items() for arguments in every]
each = pytest.mark.parametrize(("name", "arguments"), CASES)


def of(module, array=X, **settings):
    return module.tensor(
        np.array(array) if module is mt else array.tolist(), dtype=module.float64, **settings
    )


@each
def test_the_tensor_itself_has_the_shape_that_the_function_gives(name, arguments):
    for made in (lambda: mt.tensor(X), lambda: mt.tensor(np.array([X, X]))[1]):
        x = made()
        want = getattr(x.clone(), name[:-1])(*arguments)
        assert getattr(x, name)(*arguments) is x
        assert x.shape == want.shape
        np.testing.assert_array_equal(x, want)


def test_a_matrix_is_transposed_and_a_vector_stays():
    x = mt.tensor(X[:, 0])
    assert x.t_() is x and x.shape == (3, 2)
    v = mt.tensor(X[0, 0])
    assert v.t_() is v and v.shape == (3,)
    with pytest.raises(RuntimeError, match=r"^t: input has 3 axes"):
        mt.tensor(X).t_()
    with pytest.raises(IndexError, match=r"^unsqueeze: dim=9"):
        mt.tensor(X).unsqueeze_(9)


@each
def test_values_and_gradients_are_those_of_torch(name, arguments):
    torch = pytest.importorskip("torch")
    results = []
    for m in (mt, torch):
        w = of(m, requires_grad=True)
        x = w * 2
        part = x[1]
        getattr(x, name)(*arguments)
        x.mul_(3)
        y = (x * x).sum() + (part**3).sum()
        (grad,) = (mt.grad if m is mt else m.autograd.grad)(y, w, create_graph=True)
        (second,) = (mt.grad if m is mt else m.autograd.grad)((grad**2).sum(), w)
        results.append([np.asarray(t.detach()) for t in (x, part, grad, second)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs)


@each
def test_derivatives_of_both_orders_are_right(name, arguments):
    def function(w):
        x = w.sin()
        above = x.view(-1)
        getattr(x, name)(*arguments)
        x.mul_(x.clone())
        return (x * above.sum()).exp().sum() + (above**2).sum()

    w = of(mt, X / 7, requires_grad=True)
    assert mt.gradcheck(function, (w,))
    assert mt.gradgradcheck(function, (w,))


def test_writes_reach_all_that_look_into_the_memory():
    base = mt.zeros(2, 3, dtype=mt.float64)
    before, row = base.view(-1), base[1]
    base.t_()
    after = base[0]
    base.unsqueeze_(0)
    row[0] = 5
    assert before.tolist() == [0, 0, 0, 5, 0, 0] and after.tolist() == [0, 5]
    assert base.tolist() == [[[0, 5], [0, 0], [0, 0]]]
    w = mt.tensor(2.0, dtype=mt.float64, requires_grad=True)
    base.add_(w)  # recorded: all views get its history
    assert row.requires_grad and before.requires_grad and after.requires_grad
    (row.sum() + 10 * after.sum() + 100 * before[5]).backward()
    assert w.grad.item() == 3 + 20 + 100
    after.mul_(w)
    (gradient,) = mt.grad(base.sum(), w)
    assert gradient.item() == 4 + (0 + 2 + 2) + (5 + 2 + 2)


def test_a_view_of_another_tensor_changes_alone():
    base = mt.zeros(2, 3, dtype=mt.float64)
    row = base[1]
    row.unsqueeze_(0)
    w = mt.ones(1, dtype=mt.float64, requires_grad=True)
    row.add_(w)
    assert base.shape == (2, 3) and base[1].tolist() == [1, 1, 1]
    base.sum().backward()
    assert w.grad.tolist() == [3]


def test_under_no_grad_a_leaf_may_change_and_outside_it_may_not():
    w = mt.ones(2, 3, requires_grad=True)
    for name, arguments in [("unsqueeze_", (0,)), ("t_", ()), ("squeeze_", ())]:
        for leaf in (w, w[0]):
            with pytest.raises(RuntimeError, match=rf"^{name}: a leaf tensor that requires grad"):
                getattr(leaf, name)(*arguments)
    with mt.no_grad():
        w.t_()
    assert w.shape == (3, 2) and w.is_leaf and w.requires_grad
    (w * 2).sum().backward()
    assert w.grad.shape == (3, 2)
    x = w * 2
    with mt.no_grad(), pytest.raises(RuntimeError, match=r"^t_: a tensor that a recorded op made"):
        x.t_()


def test_what_was_saved_is_refused_once_it_has_another_shape():
    w = mt.ones(2, 3, requires_grad=True)
    x = w * 2
    y = (x * x).sum()
    x.t_()
    with pytest.raises(RuntimeError, match=r"changed in place"):
        y.backward()


@pytest.mark.parametrize("sizes", [(4, 2), (3,), ((2, 2),), (1, 8), ([0],), (2, 3, 2), ((),)])
def test_resize_keeps_the_elements_in_their_order(sizes):
    x = mt.arange(8)
    shape = sizes if isinstance(sizes[0], int) else tuple(sizes[0])
    assert x.resize_(*sizes) is x and x.shape == shape
    want = np.zeros(int(np.prod(shape)), int)
    want[:8] = np.arange(8)[: want.size]
    np.testing.assert_array_equal(x.reshape(-1), want)
    y = mt.zeros(3)
    assert y.resize_as_(x) is y and y.shape == shape and y.dtype == mt.float32


def test_resize_fills_an_empty_tensor_as_old_programs_do():
    noise = mt.FloatTensor()
    noise.resize_(4, 2, 1, 1).normal_(0, 1)
    assert noise.shape == (4, 2, 1, 1) and noise.std() > 0
    smaller = mt.arange(6)
    first = smaller[:2]
    smaller.resize_(2, 2)
    smaller[0, 1] = 9
    assert first.tolist() == [0, 9]


def test_resize_refuses_what_it_cannot_keep():
    for make, message in [
        (lambda: mt.ones(2, requires_grad=True), "a tensor that requires grad"),
        (lambda: mt.ones(2, 3).t(), "the tensor of shape .* must be contiguous"),
        (lambda: mt.ones(2), "sizes"),
    ]:
        with pytest.raises(RuntimeError, match=f"^resize_: {message}"):
            make().resize_(-2)
