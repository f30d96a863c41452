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
KERNELS = (  # operator, implementation
    ("conv2d", "direct"),
    ("conv2d", "channels"),
    ("conv2d", "winograd"),
    ("pool2d", "numba"),
    ("compiled", "direct"),
    ("activation", "numba"),
    ("batch_norm", "numba"),
    ("cross_entropy", "numba"),
    ("local_response_norm", "numba"),
    ("optimizer", "numba"),
    ("prelu", "numba"),
    ("resample", "numba"),
)


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


@pytest.mark.parametrize(("operator", "name"), KERNELS[:4])
def test_random_cases_stay_inside_their_arrays(operator, name):
    run("", "-m", "tests.kernels.guard_pages", operator, name, "100")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["", "avx2", "sse"])
@pytest.mark.parametrize(("operator", "name"), KERNELS)
def test_many_random_cases_stay_inside_their_arrays_on_every_machine(operator, name, machine):
    count = {"direct": 2000, "channels": 600}.get(name, 400)
    count = 40 if operator == "compiled" else count
    run(machine, "-m", "tests.kernels.guard_pages", operator, name, str(count), "1")


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["avx2", "sse"])
def test_the_matrix_holds_on_other_machines(machine):
    folder = "tests/kernels"
    names = "conv2d/test_direct.py", "conv2d/test_channels.py", "pool2d/test_pool2d.py"
    tests = [f"{folder}/{name}" for name in names]
    run(machine, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
