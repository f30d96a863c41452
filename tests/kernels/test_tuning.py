"""`tune`: which cases it measures, how it keeps the times, and which files it refuses."""

import json
import os

import numpy as np
import pytest

from minitorch_cnn import kernels
from minitorch_cnn.kernels import Window, conv2d, explain, tuned_file, tuning, use
from minitorch_cnn.kernels.conv2d import OPERATOR

pytest.importorskip("numba")

X, W = (2, 16, 12, 12), (16, 16, 3, 3)
SETTINGS = {"x_shape": X, "w_shape": W, "padding": 1}
FORWARD, _, WEIGHT = conv2d.cases_of(**SETTINGS)


@pytest.fixture(autouse=True)
def own_file(tmp_path, monkeypatch):
    """An empty cache folder, and no times from before or for later."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tuning, "BUDGET", 0.0)
    start_anew()
    yield tuned_file.path()
    start_anew()


def start_anew():
    """As a new process: nothing is read yet."""
    tuning._tuned = None
    OPERATOR.forget_choices()


@pytest.fixture
def clock(monkeypatch):
    """A function that sets how long each implementation takes, in seconds."""
    now, speeds = [0.0], {}

    def set_seconds(**seconds):
        speeds.update(seconds)

    for name in ("conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad"):

        def call(*_, name=name):
            now[0] += speeds.get(kernels.dispatch.this_thread.forced, 100.0)

        monkeypatch.setattr(conv2d, name, call)
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: now[0])
    return set_seconds


def chosen(case=FORWARD):
    return OPERATOR.preferred(case).name


def test_the_implementation_that_took_the_least_time_is_chosen(clock, own_file):
    for fastest, slower in (("numba", "winograd"), ("winograd", "numba")):
        clock(**{fastest: 1.0, slower: 2.0})
        assert kernels.tune([SETTINGS]) == own_file
        assert chosen() == chosen(WEIGHT) == fastest
        start_anew()
        assert chosen() == fastest  # read from the file


def test_the_same_file_gives_the_same_choices_and_no_file_gives_the_model(clock, own_file):
    modelled = chosen()
    clock(numba=1.0, winograd=2.0)
    kernels.tune([(X, W, 1, 1)])
    content = own_file.read_bytes()
    for _ in range(2):
        start_anew()
        assert chosen() == "numba" and own_file.read_bytes() == content
    own_file.unlink()
    start_anew()
    assert chosen() == modelled


def test_a_function_is_measured_by_the_convolutions_that_it_computes():
    x, w = np.ones(X, np.float32), np.ones(W, np.float32)
    window = Window(3, padding=1)

    def step():
        y = conv2d.conv2d_forward(x, w, window)
        conv2d.conv2d_weight_grad(x, y, window)
        conv2d.conv2d_forward(x, w, window)

    kernels.tune(step)
    expected = {tuning.words(case) for case in (FORWARD, WEIGHT)}
    assert tuning.tuned().seconds.keys() == expected
    assert all(0 < t < 60 for times in tuning.tuned().seconds.values() for t in times.values())


def test_later_times_are_kept_beside_earlier_ones(clock):
    clock(numba=1.0, winograd=2.0)
    kernels.tune([SETTINGS])
    kernels.tune([((1, 8, 20, 20), (8, 8, 3, 3))])
    start_anew()
    assert len(tuning.tuned().seconds) == 6


def test_use_still_forces_an_implementation(clock):
    clock(numba=1.0, winograd=2.0)
    kernels.tune([SETTINGS])
    with use("winograd"):
        assert OPERATOR.choose(FORWARD) is OPERATOR.load("winograd")
        with pytest.raises(RuntimeError, match=r"tune: within use..winograd.."):
            kernels.tune([SETTINGS])


def test_explain_says_whether_times_were_measured(clock, capsys):
    explain(**SETTINGS)
    lines = capsys.readouterr().out.splitlines()
    assert all(" ms modelled, " in line and " % of the roofline: " in line for line in lines)
    clock(numba=0.0015, winograd=2.0)
    kernels.tune([SETTINGS])
    explain(**SETTINGS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:5] for line in lines] == [["numba", "1.5", "ms", "measured,"]] * 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: "[" * 100_000, "is damaged"),
        (lambda text: "[]", "is not of format 1"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "is not of format 1"),
        (lambda text: text.replace('"processor": "', '"processor": "x'), "on another machine"),
        (
            lambda text: text.replace('"kernels": "', '"kernels": "x'),
            "another version of the kernels",
        ),
        (lambda text: text.replace('"numba": ', '"numba": -'), "it holds no times"),
        (lambda text: text.replace('"threads": ', '"threads": -'), "it holds no times"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_and_written_anew(
    clock, capsys, own_file, spoil, said
):
    modelled = chosen()
    slower = {"numba": 2.0, "winograd": 2.0}
    clock(**{name: 9.0 for name in slower}, direct=9.0)
    clock(**{name: 1.0 for name in slower if name != modelled})
    kernels.tune([SETTINGS])
    own_file.write_text(spoil(own_file.read_text()))
    start_anew()
    capsys.readouterr()
    assert chosen() == modelled and chosen(WEIGHT)
    message = capsys.readouterr().err
    assert message.count("minitorch_cnn: ") == 1 and said in message and str(own_file) in message
    start_anew()
    assert kernels.tune([SETTINGS]) == own_file
    assert json.loads(own_file.read_text())["seconds"] == tuning.tuned().seconds


def test_a_folder_that_cannot_be_written_keeps_the_times_for_the_process(
    clock, capsys, monkeypatch, own_file
):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    clock(numba=1.0, winograd=2.0)
    assert kernels.tune([SETTINGS]) is None
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert chosen() == "numba" and list(own_file.parent.iterdir()) == []
    assert tuning.tuned_by() is None


def test_a_run_can_record_which_file_it_used(clock, own_file):
    assert tuning.tuned_by() is None
    kernels.tune([SETTINGS])
    used = tuning.tuned_by()
    assert used["file"] == own_file.name and len(used["sha256"]) == 64


def test_other_arguments_are_refused():
    for run in (3, "net"):
        with pytest.raises(TypeError, match="tune: run="):
            kernels.tune(run)
    with pytest.raises(ValueError, match="explain: x_shape"):
        kernels.tune([((3, 8, 8), W)])


def test_an_error_of_the_function_ends_the_recording():
    with pytest.raises(ZeroDivisionError):
        kernels.tune(lambda: 1 / 0)
    assert kernels.dispatch.this_thread.record is None
