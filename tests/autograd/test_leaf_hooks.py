"""Hooks on leaves that run while backward still computes other gradients."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import leaf_hooks
from minitorch_cnn.functional import linear


def test_a_hook_sees_the_complete_gradient_before_backward_ends():
    a, b = (mt.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    seen = []
    b.register_post_accumulate_grad_hook(lambda t: seen.append(("b", t.grad.item(), a.grad)))
    first = a * 5
    first.register_hook(lambda g: seen.append(("inner", b.grad.item())))
    (first * b + b * b).backward()
    assert seen == [("b", 16.0, None), ("inner", 16.0)]
    assert a.grad.item() == 15


def test_a_shared_leaf_waits_for_its_oldest_use():
    w = mt.tensor([[2.0]], requires_grad=True)
    seen = []
    w.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    linear(linear(mt.tensor([[3.0]]), w), w).sum().backward()  # 3 w^2
    assert seen == [12.0]


def test_gradients_accumulate_and_the_handle_removes_the_hook():
    x, seen = mt.ones(2, requires_grad=True), []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    handle.remove()
    x.sum().backward()
    assert seen == [[2, 2], [5, 5]] and x.grad.tolist() == [6, 6]


def test_a_leaf_that_is_the_root_and_one_without_gradient():
    x, other, seen = mt.tensor(1.0, requires_grad=True), mt.ones(1, requires_grad=True), []
    for t in (x, other):
        t.register_post_accumulate_grad_hook(lambda t: seen.append(t))
    x.backward()
    assert len(seen) == 1 and seen[0] is x
    mt.grad((x * other).sum(), [x])
    assert len(seen) == 1  # grad returns gradients and accumulates none


def test_hooks_that_replace_gradients_run_before():
    x, seen = mt.tensor(1.0, requires_grad=True), []
    x.register_hook(lambda g: g * 10)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).backward()
    assert seen == [20]


def test_callbacks_run_at_the_end_of_the_pass():
    x, early, seen = mt.ones(1, requires_grad=True), mt.ones(1, requires_grad=True), []

    def hook(t):
        leaf_hooks.queue_callback(lambda: seen.append(x.grad.item()))

    early.register_post_accumulate_grad_hook(hook)
    (x * 4 * early).sum().backward()
    assert seen == [4]
    with pytest.raises(RuntimeError, match=r"^queue_callback: no backward pass"):
        leaf_hooks.queue_callback(print)


def test_only_leaves_that_require_grad_take_such_hooks():
    for t in (mt.ones(1), mt.ones(1, requires_grad=True) * 2):
        with pytest.raises(RuntimeError, match=r"^register_post_accumulate_grad_hook: .* leaf"):
            t.register_post_accumulate_grad_hook(print)
