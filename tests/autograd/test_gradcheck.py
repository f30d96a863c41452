"""gradcheck catches wrong gradients, planted here one by one."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import ArrayFunction
from minitorch_cnn.tensor import Tensor


def op(forward, backward):
    """An op y = forward(x, ...) that saves its inputs and has the gradient backward(gy, x, ...)."""

    class Planted(ArrayFunction):
        @staticmethod
        def forward(ctx, *xs):
            ctx.save_for_backward(*xs)
            return forward(*xs)

        @staticmethod
        def backward(ctx, gy):
            return backward(gy, *ctx.saved_tensors)

    return Planted.apply


def normalise(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


RIGHT = {
    "square": (op(lambda x: x * x, lambda g, x: g * 2 * x), [(3,)]),
    "product": (op(lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g)), [(2, 3), (3, 2)]),
    "flip": (op(lambda x: x[::-1] * 1, lambda g, x: g.flip(0)), [(4,)]),
}
WRONG = {
    "missing term": (op(lambda x: x * x, lambda g, x: g * x), [(3,)]),
    "missing sum": (op(lambda x: x * x.sum(), lambda g, x: g * x.sum()), [(3,)]),
    "wrong index": (op(lambda x: x[::-1] * 1, lambda g, x: g), [(4,)]),
    "transposed": (op(lambda x, w: x @ w, lambda g, x, w: (g @ w, x.T @ g)), [(2, 2), (2, 2)]),
    "wrong sign": (op(lambda x: np.sin(x), lambda g, x: -g * x.cos()), [()]),
    "second input": (op(lambda x, w: x * w, lambda g, x, w: (g * w, g * w)), [(3,), (3,)]),
    "no gradient": (op(lambda x, w: x * w, lambda g, x, w: (g * w, None)), [(3,), (3,)]),
    # The sum of the output does not depend on x: under all ones the gradient is 0 and so is this.
    "batch norm": (op(normalise, lambda g, x: (g - g.mean()) * 3.0), [(5,)]),
    "large": (op(lambda x: x * x, lambda g, x: g * 1.99 * x), [(9, 9)]),
}


def leaves(shapes):
    rng = np.random.default_rng(1)
    return [Tensor(np.asarray(rng.standard_normal(shape)), requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_pass(name):
    fn, shapes = RIGHT[name]
    assert mt.gradcheck(fn, leaves(shapes))
    assert mt.gradgradcheck(fn, leaves(shapes))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_caught(name):
    fn, shapes = WRONG[name]
    with pytest.raises(RuntimeError, match=r"^gradcheck: "):
        mt.gradcheck(fn, leaves(shapes))
    assert mt.gradcheck(fn, leaves(shapes), raise_exception=False) is False


def slightly_wrong(n, by):
    """x^3 in n elements; `by` changes the derivative of one of them by 0.01."""

    def backward(g, x):
        slope = x * x * 3
        slope.array[n // 3] = by(slope.array[n // 3])
        return g * slope

    return op(lambda x: x**3, backward)


@pytest.mark.parametrize("by", [lambda d: d + 0.01, lambda d: d * 1.01])
@pytest.mark.parametrize("n", [200, 1500])
def test_an_error_of_a_hundredth_in_one_of_many_elements_is_caught(n, by):
    x = Tensor(np.random.default_rng(0).uniform(0.9, 1.1, n), requires_grad=True)
    with pytest.raises(RuntimeError, match=rf"output element {n // 3} at index \({n // 3},\)"):
        mt.gradcheck(slightly_wrong(n, by), x)


def test_such_an_error_is_caught_in_a_second_derivative_and_in_a_weight():
    x = Tensor(np.random.default_rng(0).uniform(0.9, 1.1, 100), requires_grad=True)
    right = op(lambda x: x**4, lambda g, x: g * 4 * slightly_wrong(100, lambda d: d + 0.01)(x))
    assert mt.gradcheck(right, x)
    with pytest.raises(RuntimeError, match=r"^gradcheck: the gradient of apply"):
        mt.gradgradcheck(right, x)

    def product(x, w):
        def backward(g, x, w):
            gw = x.T @ g
            gw.array[3, 5] += 0.01
            return g @ w.T, gw

        return op(lambda x, w: x @ w, backward)(x, w)

    with pytest.raises(RuntimeError, match=r"inputs\[1\] of output .* index \(3, 5\)"):
        mt.gradcheck(product, leaves([(4, 15), (15, 12)]))


def test_a_large_function_is_checked_along_more_directions():
    n = 5000

    def backward(g, x):
        slope = (x * 2).array.copy()
        slope[::40] *= 1.05  # a direction that changes all elements does not see it
        return g * Tensor(slope)

    x = Tensor(np.random.default_rng(0).uniform(0.9, 1.1, n), requires_grad=True)
    with pytest.raises(RuntimeError, match="a random direction"):
        mt.gradcheck(op(lambda x: x * x, backward), x)
    assert mt.gradcheck(lambda x: x * x, x)


def test_the_planted_batch_norm_is_invisible_to_ones():
    fn, shapes = WRONG["batch norm"]
    (x,) = leaves(shapes)
    fn(x).sum().backward()
    np.testing.assert_allclose(x.grad.array, 0, atol=1e-12)


def test_the_error_names_op_input_index_and_both_values():
    fn = op(lambda x: np.where(np.arange(4) == 2, x * 5, x), lambda g, x: g)
    with pytest.raises(RuntimeError) as error:
        mt.gradcheck(fn, leaves([(4,)]))
    text = str(error.value)
    assert "Planted" in text and "inputs[0]" in text and "index (2,)" in text
    assert text.endswith("analytic 1, numeric 5")


def test_a_wrong_second_derivative_is_caught():
    fn = op(lambda x: x**3, lambda g, x: g * 3 * (x * x).detach())
    (x,) = leaves([(3,)])
    assert mt.gradcheck(fn, x)
    with pytest.raises(RuntimeError, match=r"^gradcheck: the gradient of"):
        mt.gradgradcheck(fn, x)


def test_a_gradient_that_lost_its_graph_altogether_is_caught():
    class Lost(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gy):
            return Tensor(2 * ctx.saved_tensors[0].array * gy.array)

    (x,) = leaves([(3,)])
    assert mt.gradcheck(Lost.apply, x)
    assert not mt.gradgradcheck(Lost.apply, x, raise_exception=False)


def test_given_cotangents_are_used():
    (x,) = leaves([(3,)])
    v = Tensor(np.array([0.5, -2, 3]), requires_grad=True)
    assert mt.gradgradcheck(lambda t: t**3, x, v)


def test_all_outputs_are_checked():
    good, bad = RIGHT["square"][0], WRONG["missing term"][0]
    assert mt.gradcheck(lambda x: (good(x), x.sum()), leaves([(3,)]))
    assert not mt.gradcheck(lambda x: (good(x), bad(x)), leaves([(3,)]), raise_exception=False)


def test_integer_outputs_and_constant_inputs_are_left_alone():
    (x,) = leaves([(3,)])
    assert mt.gradcheck(lambda x, k: (x * k, x.argmax()), [x, Tensor(np.arange(3))])


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ([Tensor(np.ones(2))], ValueError, "^gradcheck: none of the inputs requires grad"),
        (
            [Tensor(np.ones(2, np.float32), requires_grad=True)],
            ValueError,
            r"^gradcheck: inputs\[0\] has dtype float32, must be float64",
        ),
    ],
)
def test_inputs_that_cannot_be_checked_are_refused(inputs, error, message):
    with pytest.raises(error, match=message):
        mt.gradcheck(lambda x: x * 2, inputs)


def test_an_output_without_a_graph_is_refused():
    with pytest.raises(
        RuntimeError, match=r"^gradcheck: <lambda> returned no output that requires grad"
    ):
        mt.gradcheck(lambda x: x.detach(), leaves([(2,)]))


def test_fast_mode_looks_along_directions_only():
    calls = []

    def fn(x):
        calls.append(x)
        return x * 2

    x = mt.randn(100, dtype=mt.float64, requires_grad=True)
    assert mt.gradcheck(fn, (x,), fast_mode=True) and len(calls) < 10
    assert not mt.gradcheck(lambda x: x.detach() * x, (x,), raise_exception=False, fast_mode=True)
