"""Start a program under mpiexec, and read what its checks found."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from tests.interpreter import ROOT

HERE = Path(__file__).parent
MPIEXEC = which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None, reason="needs mpi4py and mpiexec"
)
# The ranks share few cores, so each computes in one thread.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")


def command(ranks: int, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """The command of a Python program on several ranks, and its environment."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-W", "error", *arguments]
    return [str(MPIEXEC), "-n", str(ranks), *program], environment


def launch(ranks: int, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess:
    program, environment = command(ranks, *arguments)
    return subprocess.run(
        program, env=environment, capture_output=True, text=True, timeout=timeout, cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@cache
def outcomes(module: str, ranks: int) -> dict[str, str]:
    """The outcome of each check of checks/`module`: "" or the error. One launch for all of them."""
    run = launch(ranks, str(HERE / "run_checks.py"), module)
    found = [line for line in run.stdout.splitlines() if line.startswith("OUTCOMES ")]
    assert found, f"{run.stdout}\n{run.stderr}"
    return json.loads(found[-1].removeprefix("OUTCOMES "))


def names(module: str) -> list[str]:
    """The names of the checks in a module, without importing it."""
    text = (HERE / "checks" / f"{module}.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("def check_")]
    return [line.partition("(")[0].removeprefix("def check_") for line in lines]
