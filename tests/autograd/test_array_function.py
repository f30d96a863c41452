"""ArrayFunction: rules of forward for saving and returning, and the arguments of backward."""

import gc
import weakref

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import ArrayFunction, is_recomputing
from minitorch_cnn.nn import hooks
from minitorch_cnn.tensor import Tensor


class Cube(ArrayFunction):
    """y = x^3, as a user would write it."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return 3 * x * x * gy


class DivMod(ArrayFunction):
    """Several outputs, one of integers and one without a derivative."""

    @staticmethod
    def forward(ctx, x, by):
        rest = x - np.floor(x)
        ctx.mark_non_differentiable(rest)
        return x * by, np.floor(x).astype(np.int64), rest

    @staticmethod
    def backward(ctx, *grads):
        ctx.grads = grads
        return grads[0] * 2


def test_an_op_of_one_s_own_has_derivatives_of_every_order(leaf):
    x = leaf(3)
    assert mt.gradcheck(Cube.apply, x)
    assert mt.gradgradcheck(Cube.apply, x)


def test_saved_inputs_are_the_tensors_themselves(leaf):
    x = leaf(2)
    y = Cube.apply(x)
    (saved,) = y._node.saved_tensors
    assert saved is x


def test_saved_outputs_lead_back_to_the_op(leaf):
    y = leaf(2).exp()
    (saved,) = y._node.saved_tensors
    assert saved.array is y.array and saved._node is y._node


def test_only_inputs_and_outputs_can_be_saved(leaf):
    class Saves(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x + 1)
            return x * 1

    with pytest.raises(
        RuntimeError, match=r"^Saves: save_for_backward takes inputs and .* shape \(2,\)"
    ):
        Saves.apply(leaf(2))


def test_what_is_kept_is_handed_back_and_freed_with_the_graph(leaf):
    class Keeps(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            ctx.keep(mask := x > 0, "anything")
            return x * mask

        @staticmethod
        def backward(ctx, gy):
            mask, word = ctx.kept
            assert word == "anything"
            return gy * Tensor(mask)

    x = leaf(4)
    y = Keeps.apply(x).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.array, x.array > 0)
    with pytest.raises(RuntimeError, match=r"^backward: what Keeps saved was freed"):
        y.backward()


def test_outputs_without_a_derivative_do_not_require_grad(leaf):
    x = leaf(3)
    y, n, rest = DivMod.apply(x, by=2)
    assert y.requires_grad and not n.requires_grad and not rest.requires_grad
    assert n.dtype == mt.int64
    y.sum().backward()
    assert y._node.grads[1:] == (None, None)
    np.testing.assert_array_equal(x.grad.array, 2)


def test_only_the_outputs_that_were_used_bring_a_gradient(leaf):
    class Two(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, ga, gb):
            assert ga is None
            return gb * 3

    x = leaf(2)
    Two.apply(x)[1].sum().backward()
    np.testing.assert_array_equal(x.grad.array, 3)


def test_inputs_may_be_arrays_numbers_or_none(leaf):
    class Mixed(ArrayFunction):
        @staticmethod
        def forward(ctx, x, array, nothing):
            assert nothing is None and isinstance(array, np.ndarray)
            return x + array

        @staticmethod
        def backward(ctx, gy):
            return gy, None, None

    x = leaf(2)
    Mixed.apply(x, np.ones(2), None).sum().backward()
    np.testing.assert_array_equal(x.grad.array, 1)


def test_nothing_is_recorded_where_nothing_requires_grad(leaf):
    y = Cube.apply(Tensor(np.ones(2)))
    assert y._node is None and not y.requires_grad
    with mt.no_grad():
        assert Cube.apply(leaf(2))._node is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda g: (g, g), r"^Bad.backward: returned 2 gradients for 1 inputs"),
        (
            lambda g: g[:1],
            r"^backward: a gradient of shape \(1,\) arrived for a tensor of shape \(2,\)",
        ),
    ],
)
def test_a_backward_of_the_wrong_form_is_refused(result, message, leaf):
    class Bad(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gy):
            return result(gy)

    with pytest.raises(RuntimeError, match=message):
        Bad.apply(leaf(2)).sum().backward()


def test_an_op_without_a_derivative_says_so(leaf):
    class Forward(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(RuntimeError, match=r"^Forward: the derivative of this op is not defined"):
        Forward.apply(leaf(2)).sum().backward()


def test_arithmetic_on_infinities_warns_of_nothing(leaf):
    big = Tensor(np.full(2, 1e30, np.float32), requires_grad=True)
    y = big * big - big * big
    assert np.isnan((y + y @ y).array).all()
    y.sum().backward()
    assert np.square(3) == 9 and np.geterr()["over"] == "warn"  # and NumPy itself still does


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_op_that_says_it_never_warns_never_does(dtype):
    info = np.finfo(dtype)
    extremes = [0, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 1]
    x = Tensor(np.array(extremes + [-v for v in extremes], dtype))
    calls = {
        "ReLU": lambda: x.relu(),
        "Reshape": lambda: x.reshape(2, 7),
        "Permute": lambda: x.reshape(2, 7).T,
        "Expand": lambda: x.expand(2, 14),
        "Index": lambda: x[::2],
        "Diagonal": lambda: x.reshape(2, 7).diagonal(),
        "Unfold": lambda: x.unfold(0, 3, 2),
        "Gate": lambda: hooks.Gate.apply(x, x, passed=None),
    }
    quiet, waiting = set(), ArrayFunction.__subclasses__()
    while waiting:
        op = waiting.pop()
        waiting += op.__subclasses__()
        if op.never_warns:
            quiet.add(op.__name__)
    assert quiet == set(calls)
    for call in calls.values():
        with np.errstate(all="raise"):
            call()


class Greedy(ArrayFunction):
    """Runs out of memory where it is told to."""

    @staticmethod
    def forward(ctx, x, when, error):
        ctx.when, ctx.error = when, error
        if when == "forward" or (when == "checkpoint" and is_recomputing()):
            raise error("main memory")
        return x * 1

    @staticmethod
    def backward(ctx, gy):
        if ctx.when == "backward":
            return Greedy.apply(gy, when="forward", error=ctx.error)
        return gy


@pytest.mark.parametrize(
    "when", ["forward", "backward", "backward with create_graph", "checkpoint"]
)
@pytest.mark.parametrize("error", [MemoryError, ValueError])
def test_after_an_error_nothing_stays_alive_until_the_next_collection(when, error):
    def step():
        x = Tensor(np.ones(1000), requires_grad=True) * 2
        alive.extend([weakref.ref(x), weakref.ref(x.array)])
        y = mt.checkpoint(
            lambda x: Greedy.apply(x.exp(), when=when.split()[0], error=error).sin(), x
        )
        y.sum().backward(create_graph="create" in when)

    gc.collect()
    gc.disable()
    try:
        alive = []
        try:
            step()
        except error as raised:
            assert str(raised) == "main memory"
        assert [a() for a in alive] == [None, None]
    finally:
        gc.enable()
