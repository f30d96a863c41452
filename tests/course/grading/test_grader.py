"""Whatever a submission does, it has the points of its other exercises and one clear line."""

import json
import sys

import pytest

from minitorch_cnn.course.grading.grader import Grader, grade_file
from minitorch_cnn.course.grading.limits import Limits
from minitorch_cnn.course.grading.runner import SpawningRunner
from tests.course.grading.conftest import COLUMNS, SLIDING, cell, exercise_cells, hole

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems limit time only")
ANYTHING = "def im2col(*args):\n    {}\n    return np.zeros((27, 60))\n"


def lines(result):
    return {mark.name: mark.line for mark in result.marks}


def points(result):
    return {mark.name: mark.points for mark in result.marks}


def test_right_functions_have_all_points(graded):
    result = graded()
    assert points(result) == {"im2col": 3, "sliding": 2} and result.possible == 5
    assert lines(result)["im2col"].startswith("yes: ")
    assert (result.student, result.notebook, result.file) == ("ada", "02_small", "ada.ipynb")


def test_what_is_not_written_has_none(graded, exercise):
    empty = {name: exercise.by_name[name].source for name in ("im2col", "sliding")}
    result = graded(columns=empty["im2col"], sliding=empty["sliding"])
    assert points(result) == {"im2col": 0, "sliding": 0}
    assert set(lines(result).values()) == {"not written: the cell is as it was handed out"}


def test_a_wrong_function_has_none_of_its_own_points_and_its_checks_line(graded):
    result = graded(columns=COLUMNS.replace("1, 4, 5, 0", "1, 5, 4, 0"))
    assert points(result) == {"im2col": 0, "sliding": 2}
    assert "kh comes before kw" in lines(result)["im2col"]


def test_constants_copied_from_the_visible_numbers_fail_with_others(graded):
    """A function that returns what is right for the check's own seed, and nothing else."""
    copied = COLUMNS.replace("im2col", "true") + (
        "def im2col(x, K, stride=1, padding=0):\n"
        "    first = np.random.default_rng(check.SEED).standard_normal(x.shape)\n"
        "    return true(first, K, stride, padding)\n"
    )
    result = graded(columns=copied)
    assert points(result) == {"im2col": 0, "sliding": 2}
    assert "right for the numbers in the notebook, but with others: " in lines(result)["im2col"]


def test_what_looks_at_frames_for_its_own_use_may_do_so(graded):
    """Named tuples, enumerations and data classes ask for the name of the caller's module."""
    kinds = (
        "from collections import namedtuple\nfrom dataclasses import make_dataclass\n"
        "from enum import Enum\n"
        "kinds = namedtuple('A', 'a'), Enum('B', 'b'), make_dataclass('C', ['c'])\n"
    )
    assert points(graded(columns=kinds + COLUMNS)) == {"im2col": 3, "sliding": 2}


# What the cell of im2col is, and what the line says. All functions return the wrong numbers.
HOSTILE = {
    "an endless loop in the cell": ("while True: pass\n" + COLUMNS, "does not end within 2 s"),
    "an endless loop in the function": (ANYTHING.format("while True: pass"), "does not end within"),
    "sleep": (ANYTHING.format("import time; time.sleep(1000)"), "does not end within 2 seconds"),
    "os._exit": (ANYTHING.format("import os; os._exit(0)"), "ends Python before the check"),
    "os._exit in the cell": ("import os\nos._exit(0)\n" + COLUMNS, "ends Python before the check"),
    "SystemExit": (ANYTHING.format("raise SystemExit"), "raised SystemExit"),
    "SystemExit in the cell": ("raise SystemExit('yes')\n" + COLUMNS, "cell 'im2col' raises"),
    "KeyboardInterrupt": (ANYTHING.format("raise KeyboardInterrupt"), "raised KeyboardInterrupt"),
    "a syntax error": ("def im2col(x:\n", "SyntaxError"),
    "a print of yes": (ANYTHING.format('print("yes: right")'), "no: with stride 1"),
    "a fork": (ANYTHING.format("import os; os.fork()"), "no other processes can be started"),
    "a command": (ANYTHING.format("import os; os.system('true')"), "no other processes"),
    "a subprocess": (ANYTHING.format("import subprocess; subprocess.run(['true'])"),
                     "no other processes"),
    "kill": (ANYTHING.format("import os; os.kill(os.getppid(), 9)"), "no other processes"),
    "ctypes": (ANYTHING.format("import ctypes; ctypes.CDLL(None)"), "ctypes is not allowed"),
    "a socket": (ANYTHING.format("import socket; socket.socket()"), "there is no network"),
    "a frame": (ANYTHING.format("import sys; sys._getframe(1)"), "frames and objects of others"),
    "a frame by the standard library": (
        ANYTHING.format("import inspect; inspect.currentframe()"), "frames and objects of others"),
    "the frame of an error": (ANYTHING.format(
        "try: 1 / 0\n    except Exception as e: e.__traceback__.tb_frame"), "frames are hidden"),
    "the frame of an error by the standard library": (ANYTHING.format(
        "import inspect\n    try: 1 / 0\n"
        "    except Exception as e: inspect.getmembers(e.__traceback__)"), "frames are hidden"),
    "the frame of a generator": (
        ANYTHING.format("g = (g.gi_frame for _ in [0]); next(g)"), "frames are hidden"),
    "the frame that a signal interrupts": (ANYTHING.format(
        "import signal; signal.signal(signal.SIGINT, print)"), "no signal can be handled"),
    "writing outside": (ANYTHING.format("open('/tmp/mine', 'w').write('x')"), "/tmp/mine"),
    "a changed check": (
        "import minitorch_cnn.course.convolution as c\nc.columns = lambda f: None\n"
        + ANYTHING.format(""), "it had changed the library, which was put back: minitorch_cnn.cou"),
    "another compare": (
        "import minitorch_cnn.course.convolution as c\nc.compare = lambda *a, **k: None\n"
        + ANYTHING.format(""), "convolution.compare"),
    "another compare while it is checked": (
        "import minitorch_cnn.course.convolution as c\n"
        + ANYTHING.format("c.compare = lambda *a, **k: None"),
        "it changes the library while it is checked: minitorch_cnn.course.convolution.compare"),
    "another compare that puts the first one back": (
        "import minitorch_cnn.course.convolution as c\nreal = c.compare\n"
        "def mine(*args, **settings):\n    c.compare = real\n"
        + ANYTHING.format("c.compare = mine"), "it changes the library while it is checked"),
    "code in the place of compare's": (
        "import minitorch_cnn.course.compare as c\n"
        + ANYTHING.format("c.close.__code__ = (lambda mine, right, tolerance: True).__code__"),
        "while it is checked: minitorch_cnn.course.compare.close.__code__"),
    "an Answer that is always right": (
        "import minitorch_cnn.course.answer as a\n"
        + ANYTHING.format("a.Answer.right = property(lambda self: True)"), "AttributeError"),
    "another NumPy": (
        "real = np.abs\n" + ANYTHING.format("np.abs = lambda x: 0 * real(x)"), "numpy.abs"),
    "another builtin": (
        "import builtins\n" + ANYTHING.format("builtins.bool = lambda x=0: True"), "builtins.bool"),
    "a name that hides a builtin": (
        "import minitorch_cnn.course.compare as c\n" + ANYTHING.format("c.bool = lambda x: True"),
        "minitorch_cnn.course.compare.bool"),
    "another check in the notebook": (
        ANYTHING.format("") + "class check:\n    columns = staticmethod(lambda f: None)\n", "no: "),
    "a thread": (
        "import threading\n" + ANYTHING.format(
            "threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()"),
        "it starts threads that still run"),
    "a return of None": ("def im2col(*args): pass\n", "no: "),
    "an object that is equal to all": (
        "class Equal:\n    __eq__ = lambda *a: True\n    __sub__ = __rsub__ = lambda *a: 0\n"
        "def im2col(*args): return Equal()\n", "no: "),
    "an array that is equal to all": (
        "class Equal(np.ndarray):\n    __eq__ = lambda *a: True\n    __sub__ = lambda a, b: a * 0\n"
        "    __array_ufunc__ = lambda self, u, m, *a, **k: np.float64(0)\n"
        "def im2col(*args): return np.zeros((27, 60)).view(Equal)\n", "no: "),
    "a Tensor whose array is equal to all": (
        "import minitorch_cnn as mt\n"
        "class Equal(np.ndarray):\n"
        "    def __array_ufunc__(self, ufunc, method, *args, **settings):\n"
        "        return np.zeros(self.shape) if ufunc is not np.isfinite else np.isfinite([0])\n"
        "class Mine(mt.Tensor):\n"
        "    array = property(lambda self: self.own.view(Equal), lambda self, value: None)\n"
        "    shape = property(lambda self: self.own.shape)\n"
        "def im2col(x, K, stride=1, padding=0):\n"
        "    mine = Mine(1)\n"
        "    H, W = (n + 2 * padding - K for n in x.shape[2:])\n"
        "    many = len(x) * (H // stride + 1) * (W // stride + 1)\n"
        "    mine.own = np.zeros((x.shape[1] * K * K, many))\n"
        "    return mine\n", "no: "),
    "an error that cannot be said": (
        "class Bad(Exception):\n    def __str__(self): raise SystemExit\n"
        "def im2col(*args): raise Bad\n", "no: "),
}  # fmt: skip
HARD = {  # what only Linux's kernel stops
    "all memory": (ANYTHING.format("a = [bytearray(10**7) for _ in iter(int, 1)]"), "MemoryError"),
    "a segmentation fault": (
        "import gc, sys\n" + ANYTHING.format(
            "sys.setrecursionlimit(10**9); f = lambda n: [f(n)] and sorted([1], key=f); f(0)"),
        "no: "),
    "many threads": (
        "import threading, time\n" + ANYTHING.format(
            "[threading.Thread(target=time.sleep, args=(99,), daemon=True).start() "
            "for _ in range(999)]"), "can't start new thread"),
    "a large file": (ANYTHING.format("open('mine', 'wb').write(bytes(10**8))"), "File too large"),
}  # fmt: skip


def each(kinds):
    """The kinds as parameters; those that wait for a limit by the clock are slow."""
    slow = {"sleep", "an endless loop in the cell", "a segmentation fault"}
    return [pytest.param(kind, marks=[pytest.mark.slow] * (kind in slow)) for kind in kinds]


@pytest.mark.parametrize("kind", each(HOSTILE))
def test_a_hostile_function_has_no_points_and_the_others_theirs(graded, kind):
    columns, said = HOSTILE[kind]
    result = graded(columns=columns)
    assert said in lines(result)["im2col"]
    assert points(result) == {"im2col": 0, "sliding": 2}


@linux
@pytest.mark.parametrize("kind", each(HARD))
def test_what_takes_too_much_is_stopped_by_the_system(graded, kind):
    columns, said = HARD[kind]
    result = graded(columns=columns)
    assert said in lines(result)["im2col"]
    assert points(result) == {"im2col": 0, "sliding": 2}


def test_hidden_files_cannot_be_read(exercise, handed_in, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "solution.py").write_text(COLUMNS, encoding="utf-8")
    read = f"open({str(tmp_path / 'others' / 'solution.py')!r}).read()"
    with Grader(Limits(seconds=2), hidden=[tmp_path / "others"], exercises=[exercise]) as grader:
        result = grade_file(handed_in(columns=ANYTHING.format(read)), grader)
    assert points(result)["im2col"] == 0
    assert "hidden" in lines(result)["im2col"] or "No such file" in lines(result)["im2col"]


@linux
def test_text_in_the_channel_of_results_counts_nothing(graded):
    """A forged result, written to every open file, lacks the secret."""
    said = json.dumps({"right": True, "line": "yes: forged", "seconds": 0, "secret": "0" * 32})
    body = (
        "import os\n"
        "    for number in range(3, 64):\n"
        "        try:\n"
        f"            os.write(number, b'\\n' + {said.encode()!r} + b'\\n')\n"
        "        except OSError:\n"
        "            pass\n"
        "    os._exit(0)"
    )
    result = graded(columns=ANYTHING.format(body))
    assert "ends Python before" in lines(result)["im2col"]
    assert points(result) == {"im2col": 0, "sliding": 2}


def test_added_cells_are_run_and_edited_imports_too(graded):
    helper = COLUMNS.replace("im2col", "mine")
    cells = exercise_cells("im2col = mine", SLIDING.replace("np.einsum", "einsum"))
    cells[0]["source"] = [*cells[0]["source"], "\nfrom numpy import einsum\n"]
    cells.insert(1, cell("", helper))
    cells.insert(2, cell("", "%matplotlib inline\n!ls\nraise ValueError('not needed')"))
    assert points(graded(cells=cells)) == {"im2col": 3, "sliding": 2}


def test_a_cell_that_fails_is_named(graded):
    cells = exercise_cells(COLUMNS.replace("np.pad", "margin"), SLIDING)
    cells.insert(1, cell("", "margin = np.pad if unknown else None"))
    line = lines(graded(cells=cells))["im2col"]
    assert "'before im2col'" in line and "name 'unknown' is not defined" in line


def test_a_missing_cell_and_two_of_a_name_are_said(graded):
    cells = exercise_cells(COLUMNS, SLIDING)
    cells[3:4] = [hole("sliding", SLIDING), hole("sliding", SLIDING + "\n# again")]
    result = graded(cells=[one for one in cells if one["id"] != "im2col"])
    assert lines(result)["im2col"] == "no: the cell 'im2col' is missing from the file"
    assert "several different cells 'sliding'" in lines(result)["sliding"]


def test_checks_and_given_cells_of_the_student_do_not_count(graded):
    cells = exercise_cells(ANYTHING.format(""), SLIDING)
    cells[0]["source"] = ["import types\n", "check = types.SimpleNamespace(columns=print)\n",
                          "import numpy as np"]  # fmt: skip
    cells[2]["source"] = ["print('yes: right')"]
    assert points(graded(cells=cells)) == {"im2col": 0, "sliding": 2}


@pytest.mark.slow
def test_the_time_of_a_file_is_limited_in_all(exercise, handed_in):
    slow = ANYTHING.format("import time; time.sleep(1000)")
    with Grader(Limits(seconds=1, total=2), exercises=[exercise]) as grader:
        result = grade_file(handed_in(columns=slow), grader)
    assert lines(result)["sliding"] == "no: the 2 seconds of the file were used up before"


def test_answers_in_words_are_kept_for_the_teacher(graded):
    cells = exercise_cells(COLUMNS, SLIDING)
    assert graded(cells=cells).manual[0].text == ""
    cells[-1]["source"] = ["Why?\n", "\n", "Because <b>it</b> adds."]
    result = graded(cells=cells)
    assert result.manual[0].text.endswith("Because <b>it</b> adds.") and result.by_hand == 2


def test_where_nothing_can_be_forked_each_check_starts_python_anew(exercise, grader, handed_in):
    with Grader(grader.limits, exercises=[exercise]) as spawning:
        spawning.runner = SpawningRunner()
        result = grade_file(handed_in(columns=ANYTHING.format("while True: pass")), spawning)
    assert points(result) == {"im2col": 0, "sliding": 2}
    assert "does not end within 2 seconds" in lines(result)["im2col"]
    assert any("anything but time" in note for note in result.notes)


@linux
def test_a_check_is_run_again_if_its_server_ends(exercise, grader, handed_in):
    """The system may end any process, such as the one with the most memory."""
    path = handed_in()
    with Grader(grader.limits, exercises=[exercise]) as made:
        assert grade_file(path, made).points == 5
        made.runner.process.kill()
        assert grade_file(path, made).points == 5
