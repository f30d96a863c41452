import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from minitorch_cnn.kernels import twins, use
from minitorch_cnn.kernels.twins import Need, Room

ELSEWHERE = Need(lambda: False, "A passport", "ask for one")


@pytest.fixture
def room(monkeypatch):
    """A room with a definition, a twin for even cases and one for another machine."""
    monkeypatch.setattr(twins, "_rooms", dict(twins._rooms))
    room = Room("kitchen", __name__)
    room.register("loops", ".loops")
    room.register("even", ".even", can=lambda case: case % 2 == 0)
    room.register("shy", ".shy", wants=lambda case: case == 4)
    room.register("abroad", ".abroad", can=lambda case: case > 100, needs=ELSEWHERE)
    monkeypatch.setattr(room, "load", lambda name: SimpleNamespace(name=name))
    return room


def test_the_last_registered_twin_that_can_do_the_case_runs(room):
    assert room.choose(2).name == "even"
    assert room.choose(3).name == "loops"


def test_a_twin_runs_unasked_only_where_it_wants_to(room):
    assert room.choose(4).name == "shy"
    assert room.choose(2).name == "even"
    with use("shy"):
        assert room.choose(2).name == "shy"


def test_what_the_machine_lacks_is_said_once_of_a_second_of_work(room, capsys, monkeypatch):
    clock = [10.0]
    monkeypatch.setattr(twins.time, "monotonic", lambda: clock[0])
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
        assert room.choose(case).name == "even"
        assert capsys.readouterr().err == said


def test_use_forces_a_twin_and_nests(room):
    with use("loops"):
        assert room.choose(2).name == "loops"
        with use("even"):
            assert room.choose(2).name == "even"
        assert room.choose(2).name == "loops"
    assert room.choose(2).name == "even"


def test_use_ends_with_an_exception(room):
    with pytest.raises(ZeroDivisionError), use("loops"):
        raise ZeroDivisionError
    assert room.choose(2).name == "even"


def test_a_forced_twin_that_cannot_do_the_case_says_so(room):
    with (
        use("even"),
        pytest.raises(RuntimeError, match="kitchen: twin 'even' cannot do 3"),
    ):
        room.choose(3)


def test_a_forced_twin_of_another_machine_says_so(room):
    message = "kitchen: twin 'abroad' does not run on this machine; here run loops, even, shy"
    with use("abroad"), pytest.raises(RuntimeError, match=message):
        room.choose(2)


def test_a_forced_name_leaves_rooms_without_it_alone(room):
    with use("numpy"):
        assert room.choose(2).name == "even"


def test_an_unknown_twin_is_refused_with_the_names_that_exist():
    with pytest.raises(KeyError, match="no twin 'nmpy'; the twins are loops, numpy"), use("nmpy"):
        pass


def test_use_holds_in_its_own_thread_only(room):
    seen = []
    with use("loops"):
        thread = threading.Thread(target=lambda: seen.append(room.choose(2).name))
        thread.start()
        thread.join()
        assert room.choose(2).name == "loops"
    assert seen == ["even"]


def test_available_lists_the_twins_that_run_here(room):
    assert twins.available("kitchen") == ["loops", "even", "shy"]
    for name in ("activation", "conv2d", "pool2d", "batch_norm", "local_response_norm"):
        assert twins.available(name)[:2] == ["loops", "numpy"]
    with pytest.raises(KeyError, match="no room 'cellar'; the rooms are activation, batch_norm"):
        twins.available("cellar")


def test_a_twins_module_is_imported_on_first_use():
    code = (
        "import sys, minitorch_cnn.kernels\n"
        "assert 'minitorch_cnn.kernels.conv2d.im2col' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
