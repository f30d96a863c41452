"""The backward engine: order, cost, memory, sharing, hooks, versions."""

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import ArrayFunction, detect_anomaly, engine
from minitorch_cnn.tensor import Tensor


def ones(*shape):
    return Tensor(np.ones(shape))


def chain(x, length):
    y = x
    for _ in range(length):
        y = y * 1.0001
    return y


def test_a_long_chain_does_not_recurse(leaf):
    x = leaf(2)
    y = chain(x, 10_000)
    y.backward(ones(2))
    np.testing.assert_allclose(x.grad.array, 1.0001**10_000)
    del y  # nor does freeing it


def test_every_node_is_visited_once_however_the_graph_branches(leaf, monkeypatch):
    visits = []
    step = engine._Walk.step
    monkeypatch.setattr(engine._Walk, "step", lambda *args: (visits.append(1), step(*args)))

    def visited(length):
        y = x = leaf(2)
        for _ in range(length):
            y = y + y * 0.5  # two paths a link: 2^length paths, 2 length nodes
        visits.clear()
        y.backward(ones(2))
        assert x.grad is not None
        return len(visits)

    assert visited(100) == 200
    assert visited(500) == 1000


def test_fan_out_and_diamonds_add_up(leaf):
    x = leaf(3)
    a, b = x.sin(), x.cos()
    y = (a * b + a + x * b).sum() + x.sum()
    y.backward()
    s, c = np.sin(x.array), np.cos(x.array)
    np.testing.assert_allclose(x.grad.array, c * c - s * s + c + c - x.array * s + 1)


def test_a_node_runs_after_all_gradients_of_its_output_have_arrived(leaf):
    x = leaf(2)
    shared = x * 2
    seen = []
    shared.register_hook(lambda g: seen.append(g.array.copy()))
    late = shared * 3
    for _ in range(5):
        late = late * 1
    (late + shared + shared.sum()).backward(ones(2))
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0], [6, 6])


def test_saved_arrays_are_freed_one_by_one(leaf):
    class Keeper(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            kept = np.full(10_000, 1.0)
            arrays.append(weakref.ref(kept))
            ctx.keep(kept)
            return x * 1

        @staticmethod
        def backward(ctx, gy):
            alive.append(sum(ref() is not None for ref in arrays))
            return gy

    arrays, alive = [], []
    y = leaf(1)
    for _ in range(5):
        y = Keeper.apply(y)
    y.backward()
    assert alive == [5, 4, 3, 2, 1]
    assert not any(ref() is not None for ref in arrays)


def test_gradients_on_their_way_do_not_pile_up(leaf):
    x = leaf(100_000)  # 800 kB
    y = chain(x, 40)
    tracemalloc.start()
    y.backward(Tensor(np.ones(100_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * x.array.nbytes


def test_needs_input_grad_tells_backward_what_is_wanted(leaf):
    class Wants(ArrayFunction):
        @staticmethod
        def forward(ctx, *xs):
            seen.append(tuple(ctx.needs_input_grad))
            return xs[0] * 1

        @staticmethod
        def backward(ctx, gy):
            seen.append(tuple(ctx.needs_input_grad))
            return gy, None, None, None

    seen = []
    Wants.apply(leaf(2), ones(2), np.ones(2), None).sum().backward()
    assert seen == [(True, False, False, False)] * 2
    with mt.no_grad():
        Wants.apply(leaf(2), ones(2))
    assert seen[-1] == (False, False)


def test_products_compute_only_the_wanted_gradient(leaf, monkeypatch):
    x, w = ones(2, 3), leaf(3, 2)
    y = x @ w
    a, b = y._node.backward(y._node, ones(2, 2))
    assert a is None and b.shape == (3, 2)


def test_a_branch_that_reaches_no_leaf_is_not_walked(leaf):
    x = leaf(2)
    constant = (ones(2) * 3).exp()
    assert constant._node is None and not constant.requires_grad
    (x * constant).sum().backward()
    np.testing.assert_allclose(x.grad.array, np.exp(3))


def test_grad_does_not_run_nodes_that_lead_to_no_input(leaf):
    class Bomb(ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, gy):
            raise AssertionError("ran")

    x, w = leaf(2), leaf(2)
    y = (Bomb.apply(x) * w).sum()
    (gw,) = mt.grad(y, w)
    np.testing.assert_array_equal(gw.array, x.array)


def test_backward_through_a_freed_graph_says_so(leaf):
    x = leaf(2)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(
        RuntimeError, match=r"^backward: what Mul saved was freed .*retain_graph=True"
    ):
        y.backward()


def test_retain_graph_allows_another_walk_and_gradients_add_up(leaf):
    x = leaf(2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    first = x.grad.array.copy()
    y.backward()
    np.testing.assert_allclose(x.grad.array, 2 * first)


def test_a_tensor_of_several_elements_needs_a_gradient(leaf):
    with pytest.raises(
        RuntimeError, match=r"^backward: a gradient must be given .* shape \(2, 3\)"
    ):
        (leaf(2, 3) * 2).backward()


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (np.ones(2), TypeError, "^backward: gradient must be a Tensor, got ndarray"),
        (
            ones(3),
            RuntimeError,
            r"^backward: gradient has shape \(3,\), the tensor has shape \(2,\)",
        ),
    ],
)
def test_a_wrong_gradient_is_refused(leaf, gradient, error, message):
    with pytest.raises(error, match=message):
        leaf(2).backward(gradient)


def test_a_tensor_without_a_graph_is_refused():
    with pytest.raises(RuntimeError, match=r"^backward: the tensor does not require grad"):
        ones(1).backward()


def test_backward_of_a_leaf_gives_the_gradient_itself(leaf):
    x = leaf(2)
    g = ones(2)
    x.backward(g)
    assert x.grad is not g
    x.grad.mul_(3)
    np.testing.assert_array_equal(g.array, 1)


def test_third_derivatives_are_right(leaf):
    x = leaf(3)
    g = (x**5).sum()
    for _ in range(3):
        (g,) = mt.grad(g.sum(), x, create_graph=True)
    np.testing.assert_allclose(g.array, 60 * x.array**2)


def test_create_graph_leaves_gradients_that_can_be_differentiated(leaf):
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    x.grad = None
    g.sum().backward()
    np.testing.assert_allclose(x.grad.array, 6 * x.array)


def test_leaves_given_one_array_do_not_share_it(leaf):
    a, b = leaf(3), leaf(3)
    (a + b).backward(ones(3))
    a.grad.mul_(5)
    np.testing.assert_array_equal(b.grad.array, 1)
    x = leaf(2, 3)
    x.reshape(6).backward(g := ones(6))
    x.grad.zero_()
    np.testing.assert_array_equal(g.array, 1)


def test_a_sum_of_gradients_that_was_passed_on_is_not_added_to(leaf):
    a, b = leaf(3), leaf(3)
    older = a * 5
    shared = a + b
    (shared * 2 + shared * 3 + older).backward(ones(3))  # 2 + 3 goes to a and to b, then 5 to a
    np.testing.assert_array_equal(a.grad.array, 10)
    np.testing.assert_array_equal(b.grad.array, 5)


def test_accumulating_changes_grad_in_place_as_pytorch_does(leaf):
    x = leaf(3)
    (2 * x).sum().backward()
    grad = x.grad
    (3 * x).sum().backward()
    assert x.grad is grad
    np.testing.assert_array_equal(grad.array, 5)


def test_an_expanded_gradient_is_writable_in_grad(leaf):
    x = leaf(3)
    x.sum().backward()
    x.grad.add_(1)
    np.testing.assert_array_equal(x.grad.array, 2)


# ------------------------------------------------------------------------------------------ hooks


def test_hooks_see_replace_and_keep_their_order(leaf):
    x = leaf(2)
    y = x * 3
    order = []
    y.register_hook(lambda g: order.append("first") or g * 2)
    y.register_hook(lambda g: order.append(g.array[0]))
    x.register_hook(lambda g: order.append("leaf") or g + 1)
    y.sum().backward()
    assert order == ["first", 2.0, "leaf"]
    np.testing.assert_array_equal(x.grad.array, 7)


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize(
    ("hook", "error", "message"),
    [
        (lambda g: g[:1], RuntimeError, r"gradient of shape \(1,\) for one of shape \(2,\)"),
        (lambda g: g.sum(), RuntimeError, r"gradient of shape \(\) for one of shape \(2,\)"),
        (lambda g: g.half(), RuntimeError, "gradient of dtype float16 for one of dtype float64"),
        (lambda g: g.array, TypeError, "must return a Tensor or None, got ndarray"),
        (lambda g: 0, TypeError, "must return a Tensor or None, got int"),
    ],
)
def test_a_hook_may_not_replace_a_gradient_by_what_does_not_fit(leaf, inner, hook, error, message):
    x = leaf(2)
    y = x * 3
    (y if inner else x).register_hook(hook)
    with pytest.raises(error, match=f"^register_hook: a hook .*{message}"):
        y.sum().backward()
    assert x.grad is None


def test_a_removed_hook_is_silent(leaf):
    x = leaf(2)
    calls = []
    handle = x.register_hook(calls.append)
    handle.remove()
    handle.remove()
    x.sum().backward()
    assert not calls


def test_a_leaf_hook_is_called_once_with_the_whole_gradient(leaf):
    x = leaf(2)
    seen = []
    x.register_hook(lambda g: seen.append(g.array.copy()))
    (x + x * 2 + x.sin() * 0).backward(ones(2))
    np.testing.assert_array_equal(seen, [[3, 3]])


def test_hooks_act_in_grad_as_well(leaf):
    x = leaf(2)
    y = x * 1
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    gx, gy = mt.grad((y * 2).sum(), [x, y])
    np.testing.assert_array_equal(gy.array, 20)
    np.testing.assert_array_equal(gx.array, 21)


def test_retain_grad_keeps_the_gradient_of_an_intermediate_tensor(leaf):
    x = leaf(2)
    y = x * 3
    z = x * 4
    y.retain_grad()
    (y * y + z).sum().backward()
    np.testing.assert_allclose(y.grad.array, 2 * y.array)
    assert z.grad is None
    y.grad.zero_()
    assert x.grad.array.all()


@pytest.mark.parametrize("method", ["retain_grad", "register_hook"])
def test_hooks_on_constants_are_refused(method):
    args = [print] if method == "register_hook" else []
    with pytest.raises(RuntimeError, match=rf"^{method}: the tensor does not require grad"):
        getattr(ones(2), method)(*args)


# --------------------------------------------------------------------------------------- versions

CHANGES = {
    "add_": lambda t: t.add_(1),
    "sub_": lambda t: t.sub_(1),
    "mul_": lambda t: t.mul_(2),
    "div_": lambda t: t.div_(2),
    "copy_": lambda t: t.copy_(ones(2, 2)),
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(3),
    "clamp_": lambda t: t.clamp_(0, 1),
    "setitem": lambda t: t.__setitem__(0, 1.0),
    "setitem, mask": lambda t: t.__setitem__(t.detach() > 0, 1.0),
    "+=": lambda t: t.__iadd__(1),
    "row view": lambda t: t[0].add_(1),
    "transposed view": lambda t: t.T[0].mul_(2),
    "view of a view": lambda t: t.reshape(4)[1:][0].zero_(),
    "detached": lambda t: t.detach().add_(1),
    "view of detached": lambda t: t.detach()[1].add_(1),
    "bump_version": lambda t: t.bump_version(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("under_no_grad", [True, False])
@pytest.mark.parametrize(
    ("op", "use"),
    [
        ("Mul", lambda t, w: t * w),
        ("Exp", lambda t, w: t.exp()),
        ("Mul", lambda t, w: t[0] * w),
    ],
)
def test_every_way_of_changing_a_saved_tensor_is_an_error(change, under_no_grad, op, use, leaf):
    t = leaf(2, 2) * 1
    y = use(t, leaf(2, 2))
    target = y if op == "Exp" else t  # exp saves its result
    if under_no_grad:
        with mt.no_grad():
            CHANGES[change](target)
    else:
        CHANGES[change](target)
    with pytest.raises(
        RuntimeError, match=rf"^backward: .* {op} needs .* changed in place: it is at version 1"
    ):
        y.sum().backward()


def test_changing_what_no_one_saved_is_no_error(leaf):
    x = leaf(2)
    t = x * 1
    y = t + 1
    t.zero_()
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.array, 1)


@pytest.mark.parametrize(
    "change", [c for c in CHANGES if "detached" not in c and c != "bump_version"]
)
def test_a_leaf_that_requires_grad_is_not_overwritten(change, leaf):
    x = leaf(2, 2)
    with pytest.raises(
        RuntimeError, match=r"a leaf tensor that requires grad cannot be changed in place"
    ):
        CHANGES[change](x)
    with mt.no_grad():
        CHANGES[change](x)
    assert x.is_leaf and x.requires_grad


# ---------------------------------------------------------------------- anomalies, cycles, threads


def test_detect_anomaly_names_the_op_and_the_line_of_its_forward(leaf):
    x = Tensor(np.zeros(2), requires_grad=True)
    with detect_anomaly():
        y = (x.sqrt() * 0).sum()  # the culprit
        with pytest.raises(RuntimeError) as error:
            y.backward()
    text = str(error.value)
    assert text.startswith(
        "detect_anomaly: Sqrt.backward made a NaN in the gradient of its input 0"
    )
    assert "(x.sqrt() * 0).sum()  # the culprit" in text


def test_without_detect_anomaly_a_nan_is_a_result():
    x = Tensor(np.zeros(2), requires_grad=True)
    (x.sqrt() * 0).sum().backward()
    assert np.isnan(x.grad.array).all()


GRAPHS = {
    "saved output": lambda x: x.exp().tanh(),
    "saved input": lambda x: x * x,
    "view": lambda x: (x * 1)[0] * x,
    "in place": lambda x: (x * 1).mul_(x),
    "write of a view's square": lambda x: _write_back(x),
    "hook": lambda x: _with_hook(x * 2),
    "retained": lambda x: _retained(x * 2),
}


def _write_back(x):
    b = x * 1
    v = b[0]
    b[1] = v * v
    return b


def _with_hook(y):
    y.register_hook(lambda g: g * 2)
    return y * y


def _retained(y):
    y.retain_grad()
    return y * y


@pytest.mark.parametrize("graph", GRAPHS)
def test_no_reference_cycle_keeps_a_graph(graph, leaf):
    x = leaf(2, 2)
    gc.collect()
    gc.disable()
    try:
        y = GRAPHS[graph](x)
        nodes, stack = [], [y._node]
        while stack:
            node = stack.pop()
            nodes.append(weakref.ref(node))
            stack += [e[0] for e in node.edges if e is not None and isinstance(e[0], ArrayFunction)]
        del y, node, stack
        assert [type(ref()).__name__ for ref in nodes if ref() is not None] == []
    finally:
        gc.enable()


def test_threads_walk_their_graphs_at_once_and_share_a_leaf():
    x = Tensor(np.full(1000, 2.0), requires_grad=True)
    errors = []

    def work():
        try:
            for _ in range(20):
                y = x
                for _ in range(5):
                    y = y * 1.0
                (y * y).sum().backward()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    np.testing.assert_array_equal(x.grad.array, 4.0 * 80)
