"""no_grad, enable_grad, detect_anomaly: nesting, decorating, threads."""

import dis
import sys
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


def steps(seen):
    """A generator that notes the mode of each of its steps."""
    try:
        while True:
            seen.append(mt.is_grad_enabled())
            try:
                got = yield len(seen)
            except KeyError:
                seen.append(("thrown", mt.is_grad_enabled()))
                got = None
            if got == "stop":
                seen.append(("sent", mt.is_grad_enabled()))
                return "result"
    finally:
        seen.append(("left", mt.is_grad_enabled()))


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize(
    "decorator",
    [mt.no_grad, mt.no_grad(), mt.enable_grad, mt.inference_mode, mt.inference_mode(False)],
)
def test_a_generator_runs_in_the_mode_at_each_step_and_its_caller_does_not(decorator, outside):
    inside = decorator in (mt.enable_grad,) or getattr(decorator, "value", False) is True
    seen = []
    with mt.set_grad_enabled(outside):
        generator = decorator(steps)(seen)
        assert next(generator) == 1
        assert mt.is_grad_enabled() is outside
        assert generator.throw(KeyError()) == 3
        assert mt.is_grad_enabled() is outside
        with pytest.raises(StopIteration) as end:
            generator.send("stop")
        assert end.value.value == "result" and mt.is_grad_enabled() is outside
    assert seen == [inside, ("thrown", inside), inside, ("sent", inside), ("left", inside)]

    seen.clear()
    with mt.set_grad_enabled(outside):
        generator = decorator(steps)(seen)
        next(generator)
        generator.close()
        assert mt.is_grad_enabled() is outside
    assert seen == [inside, ("left", inside)]


def test_an_error_leaves_a_decorated_generator_as_it_would_leave_the_generator():
    @mt.no_grad()
    def failing():
        yield 1
        raise KeyError("inside")

    generator = failing()
    next(generator)
    with pytest.raises(KeyError, match="inside"):
        next(generator)
    thrown = failing()
    next(thrown)
    with pytest.raises(ValueError, match="given"):
        thrown.throw(ValueError("given"))
    assert mt.is_grad_enabled()


def test_without_parentheses_it_decorates_functions_and_methods():
    class Model:
        @mt.no_grad
        def forward(self):
            return mt.is_grad_enabled()

        @staticmethod
        @mt.inference_mode
        def other():
            return mt.is_grad_enabled()

    assert not Model().forward() and not Model.other() and mt.is_grad_enabled()
    assert mt.no_grad(mt.is_grad_enabled)() is False
    assert mt.no_grad(mt.enable_grad(mt.is_grad_enabled))() is True


@pytest.mark.parametrize("kind", [mt.no_grad, mt.enable_grad, mt.inference_mode])
def test_what_is_no_function_is_not_decorated(kind):
    with pytest.raises(TypeError, match=f"^{kind.__name__}: only functions .* the class int"):
        kind(int)
    with pytest.raises(TypeError, match=f"^{kind.__name__}: only functions .* got classmethod"):
        kind()(classmethod(len))


def test_set_grad_enabled_is_a_function_a_context_manager_and_a_decorator():
    mt.set_grad_enabled(False)
    assert not mt.is_grad_enabled()
    mt.set_grad_enabled(mode=True)
    assert mt.is_grad_enabled()
    with mt.set_grad_enabled(False):
        assert not mt.is_grad_enabled()
        with mt.set_grad_enabled(True):
            assert mt.is_grad_enabled()
        assert not mt.is_grad_enabled()
    assert mt.is_grad_enabled()
    off = mt.set_grad_enabled(False)(mt.is_grad_enabled)
    assert mt.is_grad_enabled() and off() is False and mt.is_grad_enabled()
    for kind in (mt.set_grad_enabled, mt.inference_mode):
        with pytest.raises(TypeError, match=rf"^{kind.__name__}: mode=0 must be a bool"):
            kind(0)


def test_inference_mode_is_no_grad(leaf):
    x = leaf(2)
    with mt.inference_mode():
        y = x * 2
        assert not mt.is_grad_enabled() and not y.requires_grad
        with mt.inference_mode(False):
            assert (x * 2).requires_grad
    (x * y).sum().backward()
    assert x.grad.tolist() == y.tolist()


class Interrupt(BaseException):
    """What a signal's handler raises."""


def _interrupted(fn, instruction) -> bool:
    """Run fn, raising Interrupt before that instruction (of modes.py) at which Python looks for
    signals: where a function begins, and behind calls. Whether there was one.
    """
    left, behind_call = [instruction], [False]

    def trace(frame, event, _):
        if "modes.py" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "call" or (event == "opcode" and behind_call[0]):
            left[0] -= 1
            if left[0] < 0:
                sys.settrace(None)
                raise Interrupt
        if event == "opcode":
            behind_call[0] = dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith("CALL")
        return trace

    sys.settrace(trace)
    try:
        fn()
    except Interrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_an_interrupt_between_any_two_instructions_puts_the_mode_back():
    def block():
        with mt.no_grad():
            pass

    for fn in (block, mt.no_grad(mt.is_grad_enabled)):
        instruction = 0
        while _interrupted(fn, instruction):
            assert mt.is_grad_enabled() and this_thread.modes.block is None, instruction
            instruction += 1
        assert instruction > 3


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


def test_anomalies_are_detected_from_now_on_or_within_a_block(leaf):
    def broken():
        x = leaf(2)
        ((x * 0).sqrt() * 0).sum().backward()

    mt.autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(RuntimeError, match="made a NaN"):
            broken()
    finally:
        mt.autograd.set_detect_anomaly(False)
    broken()
    with mt.autograd.set_detect_anomaly(True, check_nan=True), pytest.raises(RuntimeError):
        broken()
    broken()
    for call in (
        lambda: mt.autograd.set_detect_anomaly(True, check_nan=False),
        lambda: detect_anomaly(check_nan=False),
    ):
        with pytest.raises(ValueError, match=r"^\w*detect_anomaly: check_nan=False"):
            call()
    with pytest.raises(TypeError, match=r"^set_detect_anomaly: mode=1 must be a bool"):
        mt.autograd.set_detect_anomaly(1)
    assert not this_thread.modes.anomaly
