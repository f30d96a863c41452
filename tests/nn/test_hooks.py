"""Hooks of modules: their arguments, their results, and when they are called."""

import copy

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def test_hooks_see_and_replace_inputs_and_outputs_in_order():
    m, seen = nn.Identity(), []
    m.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].item()))
    m.register_forward_pre_hook(lambda module, inputs: inputs[0] + 1)
    m.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
    m.register_forward_hook(lambda module, inputs, y: seen.append((inputs[0].item(), y.item())))
    last = m.register_forward_hook(lambda module, inputs, y: y + 10)
    assert m(mt.tensor(3.0)).item() == 18
    assert seen == [3, (8, 8)]
    last.remove()
    last.remove()
    assert m(mt.tensor(3.0)).item() == 8


def test_a_hook_may_remove_itself():
    m, seen = nn.Identity(), []

    def once(module, inputs, output):
        seen.append(1)
        handle.remove()

    handle = m.register_forward_hook(once)
    m(mt.tensor(1.0))
    m(mt.tensor(1.0))
    assert seen == [1]


class Scaled(nn.Module):
    """y = factor * x, and -x beside it where told."""

    def forward(self, x, factor=1.0, *, both=False):
        y = x * factor
        return (y, -x) if both else y


def leaf(*values):
    return mt.tensor(list(values), requires_grad=True)


# ---------------------------------------------------------------------------------------- forward


def test_a_hook_with_kwargs_sees_and_replaces_them():
    m, seen = Scaled(), []

    def before(module, inputs, kwargs):
        seen.append((len(inputs), dict(kwargs)))
        return inputs, {**kwargs, "factor": 3.0}

    def after(module, inputs, kwargs, output):
        seen.append(kwargs["factor"])
        return output + 1

    m.register_forward_pre_hook(before, with_kwargs=True)
    m.register_forward_hook(after, with_kwargs=True)
    assert m(mt.tensor(2.0), factor=5.0).item() == 7
    assert seen == [(1, {"factor": 5.0}), 3.0]


def test_a_pre_hook_with_kwargs_that_returns_no_pair_is_refused():
    m = Scaled()
    m.register_forward_pre_hook(lambda module, inputs, kwargs: inputs[0], with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"Scaled: a forward pre-hook .* pair"):
        m(mt.tensor(2.0))


@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_a_hook_may_be_put_before_the_others_and_its_handle_ends_it(kind):
    m, seen = nn.Identity(), []
    register = getattr(m, f"register_{kind}_hook")
    register(lambda *_: seen.append("first"))
    x = leaf(1.0)
    with register(lambda *_: seen.append("prepended"), prepend=True):
        m(x).sum().backward()
    m(x).sum().backward()
    assert seen == ["prepended", "first", "first"]


def test_a_hook_that_is_always_called_is_called_when_forward_fails_and_once_otherwise():
    m, seen = Scaled(), []
    m.register_forward_hook(lambda module, inputs, y: seen.append(y), always_call=True)
    m.register_forward_hook(lambda module, inputs, y: seen.append("not when it fails"))
    with pytest.raises(TypeError):
        m(mt.tensor(1.0), unknown=1)
    assert seen == [None]
    m(mt.tensor(1.0))
    assert seen[1].item() == 1 and seen[2] == "not when it fails"
    m.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        m(mt.tensor(1.0))
    assert len(seen) == 5


def test_an_error_of_a_hook_that_is_always_called_does_not_hide_the_one_of_forward():
    m = Scaled()
    m.register_forward_hook(lambda *_: 1 / 0, always_call=True)
    with pytest.warns(UserWarning, match="ZeroDivisionError"), pytest.raises(TypeError):
        m(mt.tensor(1.0), unknown=1)


# --------------------------------------------------------------------------------------- backward


def test_backward_hooks_see_the_gradients_of_inputs_and_outputs_and_replace_them():
    m, seen, x = Scaled(), [], leaf(1.0, 2.0)
    m.register_full_backward_pre_hook(lambda module, gy: (gy[0] * 10,))
    m.register_full_backward_hook(lambda module, gx, gy: seen.append((module, gx, gy)))
    m.register_full_backward_hook(lambda module, gx, gy: (gx[0] + 1, None))
    (m(x, 3.0) * mt.tensor([1.0, 2.0])).sum().backward()
    ((module, gx, gy),) = seen
    assert module is m and len(gx) == 2 and gx[1] is None and len(gy) == 1
    assert gy[0].tolist() == [10, 20] and gx[0].tolist() == [30, 60]
    assert x.grad.tolist() == [31, 61]


def test_backward_hooks_see_none_for_an_output_that_nobody_used():
    m, seen, x = Scaled(), [], leaf(1.0)
    m.register_full_backward_hook(lambda module, gx, gy: seen.append((gx, gy)))
    m(x, both=True)[1].sum().backward()
    ((gx, gy),) = seen
    assert gy[0] is None and gy[1].tolist() == [1] and gx[0].tolist() == [-1]


def test_backward_hooks_see_zeros_for_an_input_without_a_gradient():
    class Pair(nn.Module):
        def forward(self, a, b, i):
            return a * 2, -b

    m, seen, a, b = Pair(), [], leaf(1.0), leaf(1.0, 2.0)
    m.register_full_backward_hook(lambda module, gx, gy: seen.append((gx, gy)))
    m(a, b, mt.tensor([1]))[1].sum().backward()
    ((gx, gy),) = seen
    assert [g.tolist() for g in gx] == [[0], [-1, -1], [0]] and gx[2].dtype == mt.int64
    assert gy[0] is None and gy[1].tolist() == [1, 1] and a.grad.tolist() == [0]
    seen.clear()
    m(a, b.detach(), 1)[0].sum().backward()
    assert seen[0][0][1].tolist() == [0, 0] and seen[0][0][2] is None


def test_of_a_module_whose_input_needs_no_gradient_the_hook_sees_those_of_the_output():
    m, seen = nn.Linear(2, 1), []
    m.register_full_backward_hook(lambda module, gx, gy: seen.append((gx, gy[0].tolist())))
    m(mt.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1]])] and m.weight.grad.tolist() == [[1, 1]]
    m.register_full_backward_hook(lambda module, gx, gy: gy)
    with pytest.raises(RuntimeError, match="Linear: a backward hook must return None"):
        m(mt.ones(1, 2)).sum().backward()


@pytest.mark.parametrize("kind", ["full_backward_pre", "full_backward"])
@pytest.mark.parametrize(("returned", "got"), [((None, None), "2"), (mt.ones(1), "Tensor")])
def test_a_backward_hook_that_returns_other_than_a_gradient_for_each_is_refused(
    kind, returned, got
):
    m, x = Scaled(), leaf(1.0)
    getattr(m, f"register_{kind}_hook")(lambda *_: returned)
    with pytest.raises(RuntimeError, match=f"a tuple of length 1, got {got}"):
        m(x).sum().backward()


def test_backward_hooks_are_not_called_without_a_graph_and_forward_hooks_are():
    m, seen = nn.Linear(1, 1), []
    m.register_full_backward_hook(lambda *_: seen.append("backward"))
    m.register_forward_hook(lambda *_: seen.append("forward"))
    with mt.no_grad():
        y = m(leaf(1.0))
    assert seen == ["forward"] and not y.requires_grad


def test_a_backward_hook_is_not_called_for_gradients_of_gradients():
    m, x = nn.Tanh().double(), mt.tensor([0.3, -0.8], dtype=mt.float64, requires_grad=True)
    m.register_full_backward_hook(lambda module, gx, gy: (gx[0] * 2,))
    (gx,) = mt.grad(m(x).sum(), x, create_graph=True)
    (ggx,) = mt.grad(gx.sum(), x)
    t = np.tanh(x.detach().numpy())
    assert np.allclose(ggx.numpy(), -4 * t * (1 - t * t))


def test_a_module_with_backward_hooks_that_changes_its_input_in_place_is_refused():
    class Doubled(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    m, x = Doubled(), leaf(1.0)
    assert m(x * 1).tolist() == [2]
    m.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Doubled: a module with backward hooks must not"):
        m(x * 1)
    with mt.no_grad():
        assert m(x * 1).tolist() == [2]


def test_a_write_to_an_output_that_backward_needs_is_noticed_through_a_hook_s_gate():
    m, x = nn.Sigmoid(), leaf(0.0)
    m.register_full_backward_hook(lambda *_: None)
    y = m(x)
    with mt.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


@pytest.mark.parametrize("kind", ["full_backward_pre", "full_backward"])
def test_a_relu_stays_apart_from_a_layer_with_a_backward_hook(kind):
    net, seen, x = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU()), [], mt.randn(1, 1, 2, 2)
    getattr(net[0], f"register_{kind}_hook")(lambda *grads: seen.append(grads[-1][0]))
    net(x).sum().backward()
    assert np.array_equal(seen[0].numpy(), (net[0](x) > 0).numpy())


def test_hooks_give_what_pytorch_s_give():
    torch = pytest.importorskip("torch")

    def run(lib):
        net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 2))
        for i, p in enumerate(net.parameters()):
            with lib.no_grad():
                p.copy_(lib.arange(p.numel(), dtype=lib.float32).reshape(p.shape) / 7 - i)
        trail = []

        def noted(name):
            def hook(module, *given):
                for part in given:
                    part = part if isinstance(part, tuple) else (part,)
                    trail.extend((name, None if t is None else t.tolist()) for t in part)

            return hook

        for i, m in enumerate(net):
            m.register_forward_hook(noted(f"forward {i}"))
            m.register_full_backward_hook(noted(f"backward {i}"))
            m.register_full_backward_pre_hook(noted(f"before backward {i}"))
        net[1].register_full_backward_hook(lambda m, gx, gy: (gx[0] * 3,))
        net[2].register_full_backward_pre_hook(lambda m, gy: (gy[0] * 2,))
        x = lib.ones(2, 3, requires_grad=True)
        net(x).sum().backward()
        return trail, [p.grad.tolist() for p in net.parameters()]

    (ours, our_grads), (theirs, their_grads) = run(mt), run(torch)
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (_, a), (_, b) in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        assert a is None or np.allclose(a, b, rtol=1e-4, atol=1e-5)
    for a, b in zip(our_grads, their_grads, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_copy_of_a_module_has_its_hooks_and_only_the_original_s_handle_ends_the_original_s():
    m, seen = nn.Identity(), []
    handle = m.register_forward_hook(lambda *_: seen.append(1))
    implementation = copy.deepcopy(m)
    handle.remove()
    m(mt.ones(1))
    assert seen == []
    implementation(mt.ones(1))
    assert seen == [1]


def test_the_older_backward_hook_warns_and_sees_the_modules_gradients():
    layer, seen = nn.Linear(2, 1), []
    with pytest.warns(FutureWarning, match="use register_full_backward_hook"):
        layer.register_backward_hook(lambda module, gx, gy: seen.append((gx, gy)))
    layer(mt.ones(1, 2, requires_grad=True)).sum().backward()
    ((gx, gy),) = seen
    assert mt.equal(gx[0], layer.weight.detach()) and gy[0].tolist() == [[1]]
