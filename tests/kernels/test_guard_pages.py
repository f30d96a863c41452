"""Kernels neither read nor write outside of their arrays, as on other machines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minitorch_cnn.kernels.machine import VARIABLE, _features, described

pytest.importorskip("numba")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="pages are protected by mprotect(2)")

ROOT = Path(__file__).parents[2]
OPERATIONS = "direct", "pool2d"


def run(machine, *command):
    """Run Python with kernels for a machine, by its name."""
    if machine:
        try:
            described(machine, _features())
        except ValueError as error:
            pytest.skip(str(error))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), VARIABLE: machine}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_random_cases_stay_inside_their_arrays(operation):
    run("", "-m", "tests.kernels.guard_pages", operation, "100")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["", "avx2", "sse"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_many_random_cases_stay_inside_their_arrays_on_every_machine(operation, machine):
    run(machine, "-m", "tests.kernels.guard_pages", operation, "2000", "1")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["avx2", "sse"])
def test_the_matrix_holds_on_other_machines(machine):
    tests = "tests/kernels/conv2d/test_direct.py", "tests/kernels/pool2d/test_pool2d.py"
    run(machine, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
