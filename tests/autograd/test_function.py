"""Function: user-defined operations in PyTorch's form."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import Function
from minitorch_cnn.autograd.function import once_differentiable


class Cube(Function):
    """y = k x^3."""

    @staticmethod
    def forward(ctx, x, k):
        assert isinstance(x, mt.Tensor) and not mt.is_grad_enabled()
        ctx.save_for_backward(x)
        ctx.k = k
        return k * x**3

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return 3 * ctx.k * x**2 * gy, None


class Scaled(Function):
    """y = w x, with the forward that knows no ctx."""

    @staticmethod
    def forward(x, w):
        return x * w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gy):
        x, w = ctx.saved_tensors
        return gy * w, gy * x  # the gradient of a broadcast w has the shape of y


class Exp(Function):
    """y = exp x, by its saved output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        return gy * ctx.saved_tensors[0]


class Double(Function):
    """x = 2 x, in place."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, gy):
        return gy * 2


class Reverse(Function):
    """y = x, whose gradient has the other sign."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gy):
        return -gy


class Several(Function):
    """Two outputs with a derivative, one without and one that is no tensor."""

    seen = None

    @staticmethod
    def forward(ctx, x, materialize):
        ctx.set_materialize_grads(materialize)
        where = x.floor()
        ctx.mark_non_differentiable(where)
        return x * 2, where, "word", x + 1

    @staticmethod
    def backward(ctx, *grads):
        Several.seen = grads
        return grads[0] * 2, None, None  # one None more than arguments


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w: Cube.apply(x, 2.0) * w,
        Scaled.apply,
        lambda x, w: Exp.apply(x * w),
        lambda x, w: Double.apply(x * w),
        lambda x, w: mt.checkpoint(Exp.apply, x * w),
    ],
    ids=["cube", "scaled", "exp", "double", "checkpoint"],
)
def test_derivatives_of_both_orders_are_right(leaf, function):
    inputs = leaf(2, 3), leaf(1, 1)
    assert mt.gradcheck(function, inputs)
    assert mt.gradgradcheck(function, inputs)


def test_backward_is_what_the_class_says(leaf):
    x = leaf(3)
    Reverse.apply(x).sum().backward()
    np.testing.assert_array_equal(x.grad.array, -1)


def test_an_input_that_forward_changes_takes_the_history(leaf):
    x = leaf(2, 3)
    h = x * 1
    y = Double.apply(h)
    assert y is h
    np.testing.assert_array_equal(h.array, 2 * x.array)
    (h * h).sum().backward()
    np.testing.assert_allclose(x.grad.array, 8 * x.array)


def test_a_changed_view_changes_its_base(leaf):
    x = leaf(2, 3)
    h = x * 1
    Double.apply(h[0])
    (h * h).sum().backward()
    np.testing.assert_allclose(x.grad.array, np.array([[8], [2]]) * x.array)


def test_what_was_saved_before_a_change_is_refused(leaf):
    h = leaf(3) * 1
    y = h.exp() * h
    Double.apply(h)
    with pytest.raises(RuntimeError, match=r"^backward: a tensor .* was changed in place"):
        y.sum().backward()


def test_a_changed_leaf_is_refused(leaf):
    with pytest.raises(RuntimeError, match=r"^Double.mark_dirty: a leaf tensor that requires grad"):
        Double.apply(leaf(3))


@pytest.mark.parametrize(
    "marked, returned, words",
    [
        (lambda x: x * 1, lambda x: x, "not an input of forward"),
        (lambda x: x, lambda x: x * 1, "not returned by forward"),
    ],
)
def test_only_what_comes_in_and_goes_out_is_dirty(leaf, marked, returned, words):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(marked(x))
            return returned(x)

    with pytest.raises(RuntimeError, match=f"^mark_dirty: Wrong marked what is {words}"):
        Wrong.apply(leaf(3) * 1)


def test_an_output_in_the_memory_of_an_input_is_a_copy(leaf):
    x = leaf(3)
    y = Reverse.apply(x)
    with mt.no_grad():
        y.zero_()
    assert x.array.all()


def test_outputs_of_every_kind(leaf):
    x = leaf(3)
    y, where, word, z = Several.apply(x, True)
    assert y.requires_grad and z.requires_grad and not where.requires_grad and word == "word"
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, 2)
    gy, gwhere, gword, gz = Several.seen
    assert gword is None
    assert [g.array.tolist() for g in (gy, gwhere, gz)] == [[1] * 3, [0] * 3, [0] * 3]

    Several.apply(x, False)[0].sum().backward()
    assert [g is None for g in Several.seen] == [False, True, True, True]


def test_needs_input_grad_tells_which_gradients_are_wanted(leaf):
    asked = []

    class Asks(Function):
        @staticmethod
        def forward(ctx, x, w, n):
            return x * w * n

        @staticmethod
        def backward(ctx, gy):
            asked.append(ctx.needs_input_grad)
            return None, gy, None

    Asks.apply(mt.ones(2), leaf(2), 3).sum().backward()
    assert asked == [(False, True, False)]


def test_attributes_and_saved_constants_live_as_long_as_the_graph(leaf):
    class Masked(Function):
        @staticmethod
        def forward(ctx, x):
            mask = x > 0
            ctx.save_for_backward(mask, None)
            return x * mask

        @staticmethod
        def backward(ctx, gy):
            mask, nothing = ctx.saved_tensors
            assert nothing is None
            return gy * mask

    x = leaf(4)
    y = Masked.apply(x).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.array, x.array > 0)
    with pytest.raises(RuntimeError, match=r"^backward: what Masked saved was freed"):
        y.backward()


def test_nothing_is_recorded_under_no_grad_or_for_constants(leaf):
    with mt.no_grad():
        assert Cube.apply(leaf(2), 1).grad_fn is None
    assert Cube.apply(mt.ones(2), 1).grad_fn is None


def test_once_differentiable_refuses_a_second_derivative(leaf):
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        @once_differentiable
        def backward(ctx, gy):
            return mt.from_numpy(gy.array * np.exp(ctx.saved_tensors[0].array))

    x = leaf(2)
    Once.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad.array, np.exp(x.array))
    (g,) = mt.grad(Once.apply(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"^Once.backward: is once_differentiable"):
        g.sum().backward()


@pytest.mark.parametrize(
    "result, error, words",
    [
        (lambda g: (g,), RuntimeError, r"^Wrong.backward: returned 1 gradients for 2 inputs"),
        (lambda g: (g, g, g), RuntimeError, r"^Wrong.backward: returned 3 gradients for 2 inputs"),
        (lambda g: (g, g), RuntimeError, r"^Wrong.backward: gradient 1 must be None"),
        (lambda g: (g.array, None), TypeError, r"^Wrong.backward: gradient 0 must be a Tensor"),
        (lambda g: [g, None], RuntimeError, r"^Wrong.backward: returned 1 gradients for 2 inputs"),
        (lambda g: (g[:1], None), RuntimeError, r"^backward: a gradient of shape \(1,\)"),
    ],
)
def test_wrong_gradients_are_refused(leaf, result, error, words):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, gy):
            return result(gy)

    with pytest.raises(error, match=words):
        Wrong.apply(leaf(3), 2).sum().backward()


def test_what_forward_must_not_do_is_refused(leaf):
    class Lists(Function):
        @staticmethod
        def forward(ctx, x):
            return [x * 1]

    class Saves(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 3)

    with pytest.raises(TypeError, match=r"^Lists: forward must return a Tensor or a tuple"):
        Lists.apply(leaf(2))
    with pytest.raises(TypeError, match=r"^save_for_backward: tensors\[1\] must be a Tensor"):
        Saves.apply(leaf(2))
    with pytest.raises(TypeError, match="keyword"):
        Cube.apply(leaf(2), k=3)


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")

    def run(m):
        """A program of four functions: values and derivatives."""
        base = m.autograd.Function

        class Clipped(base):
            @staticmethod
            def forward(ctx, x, low):
                ctx.save_for_backward(x)
                ctx.low = low
                return x.clamp(min=low)

            @staticmethod
            def backward(ctx, gy):
                (x,) = ctx.saved_tensors
                return gy * (x > ctx.low).to(gy.dtype), None

        class Both(base):
            @staticmethod
            def forward(ctx, x, w):
                ctx.save_for_backward(x, w)
                return x * w, (x * w).argmax()

            @staticmethod
            def backward(ctx, gy, _):
                x, w = ctx.saved_tensors
                return gy * w, (gy * x).sum()

        class Twice(base):
            @staticmethod
            def forward(ctx, x):
                ctx.mark_dirty(x)
                return x.mul_(2)

            @staticmethod
            def backward(ctx, gy):
                return 2 * gy

        x = m.tensor([-1.0, 0.5, 2.0], dtype=m.float64, requires_grad=True)
        w = m.tensor(3.0, dtype=m.float64, requires_grad=True)
        y, where = Both.apply(Twice.apply(Clipped.apply(x, -0.5) * 1), w)
        (gx,) = m.autograd.grad((y**2).sum(), x, create_graph=True)
        (gx.sum() + y.sum()).backward()
        return y, where, gx, x.grad, w.grad

    for ours, theirs in zip(run(mt), run(torch), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)
