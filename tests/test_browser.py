"""The package runs in a browser, on NumPy alone: without threads, processes and compiled code."""

import pytest

from tests.interpreter import ROOT, python

# Pyodide has them: what the notebooks draw with, and a module of processes that starts none.
PLOTS = [
    "matplotlib", "mpl_toolkits", "PIL", "contourpy", "cycler", "dateutil", "fontTools",
    "kiwisolver", "packaging", "pyparsing", "six", "subprocess", "_posixsubprocess",
]  # fmt: skip


@pytest.fixture
def in_browser(tmp_path):
    """Run code in the stand-in for a browser, with these modules, too, and return what it prints.
    """

    def run(code, *packages):
        script = tmp_path / "script.py"
        script.write_text(code, encoding="utf-8")
        command = [str(script), *packages]
        return python(f"""
import runpy, sys
sys.argv[1:] = {command}
runpy.run_module("tests.browser", run_name="__main__")
""", tmp_path)  # fmt: skip

    return run


def test_the_stand_in_has_no_threads_no_processes_and_no_compiled_packages(in_browser):
    out = in_browser("""
import threading
for name in ["numba", "safetensors", "tqdm", "subprocess", "multiprocessing", "ctypes"]:
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print("no", error.name)
try:
    threading.Thread(target=print).start()
except RuntimeError as error:
    print(error)
""")
    names = "numba", "safetensors", "tqdm", "subprocess", "multiprocessing", "ctypes"
    assert out.splitlines() == [*(f"no {name}" for name in names), "can't start new thread"]


def test_every_part_imports_in_a_browser(in_browser):
    parts = ["analysis", "compiler", "course", "data", "graph", "interop", "models", "nas", "nn",
             "onnx", "optim", "training", "utils"]  # fmt: skip
    assert in_browser("\n".join(f"import minitorch_cnn.{part}" for part in parts)) == ""


def test_lenet5_learns_the_digits_in_a_browser(in_browser):
    program = ROOT / "tests" / "browser_lenet5.py"
    out = in_browser(program.read_text(encoding="utf-8"))
    accuracy, same, dtypes = out.splitlines()[-3:]
    assert float(accuracy) > 0.9
    assert same == "True"
    assert dtypes == "int64 int64 int64"


def test_the_bar_of_a_browser_starts_no_thread(in_browser):
    out = in_browser("""
from minitorch_cnn.training.progress import PROGRESS

show = PROGRESS["bar"](100, 0)
show.advance(50, "1", 2.0, 0.5)
show.close()
print(type(show).__name__)
""", "tqdm", "subprocess", "_posixsubprocess")
    assert out.startswith("Bar") and "top-1 50.0%" in out


@pytest.mark.slow
@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05"])
def test_the_first_notebooks_run_in_a_browser(number, in_browser):
    pytest.importorskip("matplotlib")
    (source,) = (ROOT / "notebooks" / "source").glob(f"{number}_*.py")
    code = f"import matplotlib\nmatplotlib.use('agg')\n{source.read_text(encoding='utf-8')}"
    out = in_browser(code, *PLOTS)
    assert "yes: " in out
    assert "no: it raised" not in out
