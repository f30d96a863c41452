"""Python started anew, as a user would: without this process's imports, paths or settings."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python(code: str, cwd: Path, path: Path | None = ROOT, executable: str = sys.executable) -> str:
    """What code prints, run in `cwd` with `path` as its only PYTHONPATH and warnings as errors."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if path:
        env["PYTHONPATH"] = str(path)
    command = [executable, "-W", "error", "-c", code]
    run = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def interruptible() -> None:
    """preexec_fn of a process that Ctrl-C is to stop, also where this one does not hear of it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
