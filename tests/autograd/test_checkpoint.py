"""checkpoint: the same numbers for less memory."""

import threading
import tracemalloc

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import is_recomputing
from minitorch_cnn.tensor import Tensor


def block(x, w):
    """Ops of every kind: saved inputs, saved outputs, kept masks, views, writes, fan-out."""
    h = (x @ w).tanh()
    g = h.relu() * h
    y = g.reshape(-1)[1:].exp()
    z = h * 1
    z[0] = g[1]
    return y.sum() * z.softmax(-1) + h.amax(0) + x * x


def through(run, x, w, order):
    """Derivatives up to `order` under fixed cotangents."""
    rng = np.random.default_rng(7)
    results, y = [], run(block, x, w)
    for _ in range(order):
        v = Tensor(rng.standard_normal(y.shape))
        gx, gw = mt.grad(y, [x, w], v, create_graph=True)
        results += [gx.array, gw.array]
        y = gx.sin() + gw.cos()
    return results


def plain(fn, *inputs):
    return fn(*inputs)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_every_order_are_those_without(order, leaf):
    x, w = leaf(3, 3), leaf(3, 3)
    expected = through(plain, x, w, order)
    found = through(mt.checkpoint, x, w, order)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_parameters_that_the_function_closes_over_get_gradients(leaf):
    x, w = leaf(2, 3), leaf(3, 3)
    mt.checkpoint(lambda t: (t @ w).tanh(), x).sum().backward()
    expected_x, expected_w = mt.grad((x @ w).tanh().sum(), [x, w])
    np.testing.assert_allclose(w.grad.array, expected_w.array)
    np.testing.assert_allclose(x.grad.array, expected_x.array)


def test_parameters_get_gradients_though_no_input_requires_grad(leaf):
    w = leaf(3)
    x = Tensor(np.arange(3.0))
    mt.checkpoint(lambda t: (t * w).exp(), x).sum().backward()
    np.testing.assert_allclose(w.grad.array, x.array * np.exp(x.array * w.array))


def test_random_numbers_repeat_and_the_stream_goes_on(leaf):
    x = leaf(1000)
    masks = []

    def drop(t):
        mask = mt.rand(1000, dtype=mt.float64) < 0.5
        masks.append(mask.array)
        return t * mask * t

    mt.manual_seed(1)
    y = mt.checkpoint(drop, x).sum()
    after = mt.rand(1).item()
    y.backward()
    assert len(masks) == 2
    np.testing.assert_array_equal(masks[0], masks[1])
    np.testing.assert_allclose(x.grad.array, 2 * x.array * masks[0])
    following = mt.rand(1).item()
    mt.manual_seed(1)
    mt.rand(1000, dtype=mt.float64)
    assert [after, following] == [mt.rand(1).item(), mt.rand(1).item()]


def test_the_second_run_knows_that_it_is_one(leaf):
    seen = []
    mt.checkpoint(lambda t: seen.append(is_recomputing()) or t.exp(), leaf(2)).sum().backward()
    assert seen == [False, True] and not is_recomputing()


def test_the_function_runs_again_once_however_many_nodes_ask(leaf):
    runs = []

    def fn(t):
        runs.append(1)
        return t.exp().tanh().sin() * t

    y = mt.checkpoint(fn, leaf(2)).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(runs) == 2


def test_checkpoints_nest(leaf):
    x, w = leaf(3, 3), leaf(3, 3)

    def inner(t):
        return (t @ w).tanh()

    def outer(t):
        return mt.checkpoint(inner, mt.checkpoint(inner, t).exp()) * t

    y = mt.checkpoint(outer, x)
    expected = mt.grad((inner(inner(x).exp()) * x).sum(), [x, w])
    y.sum().backward()
    np.testing.assert_allclose(x.grad.array, expected[0].array)
    np.testing.assert_allclose(w.grad.array, expected[1].array)


def test_a_derivative_may_be_taken_inside(leaf):
    x = leaf(3)

    def slope(t):
        return mt.grad((t**3).sum(), t, create_graph=True)[0]

    mt.checkpoint(lambda t: slope(t * 1), x).sum().backward()
    np.testing.assert_allclose(x.grad.array, 6 * x.array)


def test_several_outputs_and_other_things_come_back_as_they_are(leaf):
    x = leaf(2)
    a, (b, word) = mt.checkpoint(lambda t: (t * t, (t.exp(), "word")), x)
    assert word == "word"
    (a + b).sum().backward()
    np.testing.assert_allclose(x.grad.array, 2 * x.array + np.exp(x.array))


def test_memory_is_saved():
    x = Tensor(np.ones(50_000), requires_grad=True)

    def deep(t):
        for _ in range(20):
            t = t.tanh()
        return t

    def held(run):
        tracemalloc.start()
        y = run(deep, x)
        bytes_held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return bytes_held, y

    assert held(plain)[0] > 19 * x.array.nbytes
    few, y = held(mt.checkpoint)
    assert few < 3 * x.array.nbytes
    y.sum().backward()
    assert x.grad is not None


def test_an_input_changed_in_place_is_an_error(leaf):
    x = leaf(2) * 1
    y = mt.checkpoint(lambda t: t.exp(), x)
    x.add_(1)
    with pytest.raises(RuntimeError, match=r"^checkpoint: an input was changed in place"):
        y.sum().backward()


def test_a_function_that_does_not_repeat_itself_is_an_error(leaf):
    runs = []

    def fickle(t):
        runs.append(1)
        return t.exp() if len(runs) == 1 else t.exp() * 1

    with pytest.raises(
        RuntimeError, match=r"^checkpoint: the function recorded 1 ops .* 2 in its second"
    ):
        mt.checkpoint(fickle, leaf(2)).sum().backward()


def test_no_grad_records_nothing(leaf):
    with mt.no_grad():
        assert not mt.checkpoint(lambda t: t.exp(), leaf(2)).requires_grad


def test_an_error_inside_leaves_no_trace(leaf):
    def fail(t):
        raise KeyError

    x = leaf(2)
    with pytest.raises(KeyError):
        mt.checkpoint(fail, x)
    y = x * x
    assert y._node.saved_


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_random_numbers_repeat_whatever_other_threads_draw(nested, order):
    x = Tensor(np.ones(64), requires_grad=True)
    stop, alone = threading.Event(), mt.checkpoint(lambda t: mt.rand(64, dtype=mt.float64), x)

    def draw():
        while not stop.is_set():
            mt.rand(7)
            mt.checkpoint(lambda t: t * mt.rand(5, dtype=mt.float64), x[:5])

    def noisy(t):
        return t**order * mt.rand(64, dtype=mt.float64)

    def twice(t):
        return mt.checkpoint(noisy, t) * 2

    other = threading.Thread(target=draw)
    other.start()
    try:
        for _ in range(100):
            y = mt.checkpoint(twice if nested else noisy, x)
            mt.rand(3)
            g = y
            for _ in range(order):
                (g,) = mt.grad(g.sum(), x, create_graph=order > 1)
            np.testing.assert_array_equal(g.array, order * y.array)
            assert not np.array_equal(y.array, alone.array)
    finally:
        stop.set()
        other.join()


def test_threads_in_checkpoints_at_the_same_time_draw_different_numbers():
    both = threading.Barrier(2)
    drawn = []

    def fn(t):
        both.wait()
        drawn.append(mt.rand(8).tolist())
        both.wait()
        return t * 2

    mt.manual_seed(3)
    other = threading.Thread(target=mt.checkpoint, args=(fn, mt.ones(1)))
    other.start()
    mt.checkpoint(fn, mt.ones(1))
    other.join()
    assert drawn[0] != drawn[1] and mt.rand(8).tolist() not in drawn


def test_without_preserve_rng_state_the_second_run_draws_on():
    masks = []

    def drop(t):
        masks.append(mt.rand(3).tolist())
        return t * t

    x = mt.ones(3, requires_grad=True)
    mt.checkpoint(drop, x, preserve_rng_state=False).sum().backward()
    assert masks[0] != masks[1]


def test_keywords_go_to_the_function_and_pytorch_s_own_are_known(leaf):
    x, w = leaf(3), leaf(3)

    def scaled(t, *, by, power=1):
        return (t * by) ** power

    for use_reentrant in (None, True, False):
        y = mt.checkpoint(scaled, x, by=w, power=2, use_reentrant=use_reentrant)
        (gw,) = mt.grad(y.sum(), w)
        np.testing.assert_allclose(gw.array, 2 * w.array * x.array**2)
    moved = w * 1
    y = mt.checkpoint(scaled, x, by=moved)
    moved.add_(1)
    with pytest.raises(RuntimeError, match=r"^checkpoint: an input was changed in place"):
        y.sum().backward()
    for name in ("context_fn", "determinism_check", "debug", "early_stop"):
        with pytest.raises(TypeError, match=f"^checkpoint: PyTorch's argument {name}"):
            mt.checkpoint(scaled, x, by=w, **{name: None})
