import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from minitorch_cnn.kernels import dispatch, use
from minitorch_cnn.kernels.dispatch import Need, Operator

ELSEWHERE = Need(lambda: False, "A passport", "ask for one")


@pytest.fixture
def operator(monkeypatch):
    """An operator with a definition, an implementation for even cases and one for another
    machine.
    """
    monkeypatch.setattr(dispatch, "_operators", dict(dispatch._operators))
    operator = Operator("kitchen", lambda name: SimpleNamespace(name=name))
    operator.register("loops")
    operator.register("even", can=lambda case: case % 2 == 0)
    operator.register("shy", wants=lambda case: case == 4)
    operator.register("abroad", can=lambda case: case > 100, needs=ELSEWHERE)
    return operator


def test_the_last_registered_implementation_that_can_do_the_case_runs(operator):
    assert operator.choose(2).name == "even"
    assert operator.choose(3).name == "loops"


def test_an_unforced_implementation_runs_only_where_it_is_faster(operator):
    assert operator.choose(4).name == "shy"
    assert operator.choose(2).name == "even"
    with use("shy"):
        assert operator.choose(2).name == "shy"


def test_a_missing_requirement_is_reported_once_after_a_second(operator, capsys, monkeypatch):
    clock = [10.0]
    monkeypatch.setattr(dispatch.time, "monotonic", lambda: clock[0])
    line = "minitorch_cnn: A passport is not installed, so this runs more slowly (ask for one)\n"
    for now, case, said in (
        (10.0, 2, ""),
        (20.0, 102, ""),
        (20.9, 102, ""),
        (21.1, 2, ""),
        (21.2, 102, line),
        (21.3, 104, ""),
    ):
        clock[0] = now
        assert operator.choose(case).name == "even"
        assert capsys.readouterr().err == said


def test_inspecting_shapes_reports_no_missing_requirement(capsys, monkeypatch):
    monkeypatch.setattr(dispatch, "PATIENCE", 0.0)
    monkeypatch.setattr(dispatch, "_said", set())
    monkeypatch.setattr(dispatch, "_operators", dict(dispatch._operators))
    operator = Operator("kitchen", lambda name: SimpleNamespace(name=name))
    operator.register("loops", can=lambda case: True)
    operator.register("abroad", can=lambda case: True, needs=ELSEWHERE)
    for shape, said in (((0, 3, 8, 8), 0), ((2, 3, 0, 8), 0), ((2, 3, 8, 8), 1)):
        assert operator.preferred(SimpleNamespace(x=shape)).name == "loops"
        assert capsys.readouterr().err.count("A passport is not installed") == said


def test_use_forces_an_implementation_and_nests(operator):
    with use("loops"):
        assert operator.choose(2).name == "loops"
        with use("even"):
            assert operator.choose(2).name == "even"
        assert operator.choose(2).name == "loops"
    assert operator.choose(2).name == "even"


def test_use_ends_with_an_exception(operator):
    with pytest.raises(ZeroDivisionError), use("loops"):
        raise ZeroDivisionError
    assert operator.choose(2).name == "even"


def test_a_forced_implementation_that_cannot_compute_the_case_is_refused(operator):
    with (
        use("even"),
        pytest.raises(RuntimeError, match="kitchen: implementation 'even' cannot do 3"),
    ):
        operator.choose(3)


def test_a_forced_implementation_of_another_machine_is_refused(operator):
    message = (
        "kitchen: implementation 'abroad' does not run on this machine; here run loops, even, shy"
    )
    with use("abroad"), pytest.raises(RuntimeError, match=message):
        operator.choose(2)


def test_operators_without_a_forced_implementation_ignore_it(operator):
    with use("numpy"):
        assert operator.choose(2).name == "even"


def test_an_unknown_implementation_is_refused_with_the_names_that_exist():
    with (
        pytest.raises(
            KeyError, match="no implementation 'nmpy'; the implementations are loops, numpy"
        ),
        use("nmpy"),
    ):
        pass


def test_use_holds_in_its_own_thread_only(operator):
    seen = []
    with use("loops"):
        thread = threading.Thread(target=lambda: seen.append(operator.choose(2).name))
        thread.start()
        thread.join()
        assert operator.choose(2).name == "loops"
    assert seen == ["even"]


def test_available_lists_the_implementations_that_run_here(operator):
    assert dispatch.available("kitchen") == ["loops", "even", "shy"]
    for name in ("activation", "conv2d", "pool2d", "batch_norm", "local_response_norm"):
        assert dispatch.available(name)[:2] == ["loops", "numpy"]
    with pytest.raises(
        KeyError, match="no operator 'cellar'; the operators are activation, batch_norm"
    ):
        dispatch.available("cellar")


def test_the_module_of_an_implementation_is_imported_on_first_use():
    code = (
        "import sys, minitorch_cnn.kernels\n"
        "assert 'minitorch_cnn.kernels.conv2d.im2col' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
