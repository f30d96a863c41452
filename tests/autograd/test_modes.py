"""no_grad, enable_grad, detect_anomaly: nesting, decorating, threads."""

import threading

import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import detect_anomaly, is_recomputing
from minitorch_cnn.autograd.modes import this_thread


def test_no_grad_records_nothing_and_ends(leaf):
    x = leaf(2)
    with mt.no_grad():
        assert not mt.is_grad_enabled()
        assert not (x * 2).requires_grad
        assert not x.reshape(1, 2).requires_grad
    assert mt.is_grad_enabled() and (x * 2).requires_grad


def test_enable_grad_records_inside_no_grad(leaf):
    x = leaf(2)
    with mt.no_grad(), mt.enable_grad():
        assert (x * 2).requires_grad
    with mt.no_grad():
        with mt.enable_grad():
            pass
        assert not mt.is_grad_enabled()


def test_one_object_may_be_entered_twice():
    off = mt.no_grad()
    with off:
        with off:
            pass
        assert not mt.is_grad_enabled()
    assert mt.is_grad_enabled()


def test_an_exception_puts_the_mode_back():
    with pytest.raises(KeyError), mt.no_grad():
        raise KeyError
    assert mt.is_grad_enabled()


def test_decorated_functions_keep_their_name_and_may_recurse(leaf):
    @mt.no_grad()
    def depth(n):
        """Docs."""
        return mt.is_grad_enabled() or (n and depth(n - 1))

    assert depth(3) == 0 and mt.is_grad_enabled()
    assert depth.__name__ == "depth" and depth.__doc__ == "Docs."


def test_modes_belong_to_one_thread():
    seen = []
    with mt.no_grad(), detect_anomaly():
        thread = threading.Thread(
            target=lambda: seen.extend([mt.is_grad_enabled(), this_thread.modes.anomaly])
        )
        thread.start()
        thread.join()
    assert seen == [True, False]


def test_backward_does_not_depend_on_the_mode_it_is_called_in(leaf):
    x = leaf(2)
    view = (x * 2)[0]
    with mt.no_grad():
        view.backward()
    assert x.grad.tolist() == [2, 0]


def test_a_view_follows_its_base_under_no_grad(leaf):
    x = leaf(2)
    base = x * 2
    view = base[0]
    base.mul_(5)
    with mt.no_grad():
        view.backward()
    assert x.grad.tolist() == [10, 0]


def test_no_one_recomputes_outside_a_checkpoint():
    assert not is_recomputing()
