"""Compiles C++ texts to libraries for the host processor, kept in the user's cache folder."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
COMPILER = "g++"
LANGUAGE = ["-std=gnu++17", "-fPIC", "-shared", "-w", "-fno-strict-aliasing", "-fvisibility=hidden"]
LANGUAGE += ["-fstack-clash-protection"]  # a stack overflow hits the protected page


class EmulatorError(RuntimeError):
    """A thread of a kernel did something that a GPU does not allow, or a text does not compile."""


def compiled(name: str, source: str, options: list[str], included: str = "") -> Path:
    """The library of a C++ source, cached by its texts and options.

    included: the text of the files that the source includes, without the headers of this folder.
    Raises EmulatorError with the compiler's message where the source does not compile.
    """
    headers = "".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.h")))
    known = "\0".join([source, included, headers, *LANGUAGE, *options, _version()])
    digest = hashlib.sha256(known.encode()).hexdigest()[:20]
    target = cache_folder() / f"{name}-{digest}.so"
    if target.exists():
        return target
    handle, building = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    command = [COMPILER, *LANGUAGE, *options, "-x", "c++", "-", "-o", building]
    run = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if run.returncode:
        os.unlink(building)
        raise EmulatorError(f"{COMPILER} cannot compile {name}:\n{run.stderr}")
    os.replace(building, target)  # atomic, also for other processes
    return target


@cache
def _version() -> str:
    run = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=False)
    return run.stdout


@cache
def cache_folder() -> Path:
    """The folder of compiled modules: in the user's cache, else a temporary one of this process."""
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "minitorch_cnn" / "emulator"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # a read-only folder, or no home directory
        return _folder_of_process()


def _folder_of_process() -> Path:
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="minitorch_cnn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
