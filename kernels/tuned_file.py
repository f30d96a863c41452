"""The file of measured times: one per processor, in the user's cache folder.

    {"format": 1, "machine": {...}, "kernels": "...", "threads": 2,
     "seconds": {"conv2d_forward x=...": {"numba": 0.0012, "winograd": 0.0007}}}

It counts only for the machine, the version of the kernels and the file format that it names. A file
that is damaged or of another machine is reported once and not used; the next `tune` writes it anew.
Times never change what is computed, beyond the rounding of the implementation that they choose.
"""

import hashlib
import json
import math
import os
import platform
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .machine import machine
from .sources import version_of

FORMAT = 1


class Tuned(NamedTuple):
    """Measured times.

    seconds: for each case, in words, those of its implementations; threads: that they were measured
    with; digest: of the file, empty if there is none.
    """

    seconds: dict[str, dict[str, float]]
    threads: int
    digest: str = ""


class TunedFileError(ValueError):
    """A file of measured times that cannot be used."""


def path() -> Path:
    """The file of this machine: $XDG_CACHE_HOME/minitorch_cnn or ~/.cache/minitorch_cnn."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    described = json.dumps(_machine(), sort_keys=True)
    name = re.sub(r"[^a-z0-9]+", "-", _machine()["processor"].lower()).strip("-")[:40]
    digest = hashlib.sha256(described.encode()).hexdigest()[:8]
    return folder / "minitorch_cnn" / f"tuned-{name or 'unknown'}-{digest}.json"


@cache
def _machine() -> dict[str, Any]:
    """What a measurement holds for: the processor, and what the kernels are compiled for."""
    return {"processor": _processor(), "compiled_for": json.loads(json.dumps(machine()))}


def _processor() -> str:
    """The name of the processor, as the system says."""
    return cpu_info("model name") or platform.processor() or platform.machine()


def cpu_info(field: str) -> str | None:
    """A field of the first processor in Linux's /proc/cpuinfo."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        found = re.search(rf"^{field}\s*: (.*)$", text, re.MULTILINE)
        return found and found[1]
    return None


@cache
def _kernels() -> str:
    return version_of(str(Path(__file__).parent / "__init__.py"))


def read(file: Path) -> Tuned | None:
    """The times of a file; None if there is none.

    Raises TunedFileError for a file that cannot be read, is damaged, or is of another machine,
    format or version of the kernels.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TunedFileError(f"{file} cannot be read ({error.strerror})") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TunedFileError(f"{file} is damaged ({error})") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise TunedFileError(f"{file} is not of format {FORMAT}")
    if found.get("machine") != _machine():
        raise TunedFileError(f"{file} was measured on another machine")
    if found.get("kernels") != _kernels():
        raise TunedFileError(f"{file} was measured with another version of the kernels")
    seconds: Any = found.get("seconds")
    threads = found.get("threads")
    if not _are_times(seconds) or not isinstance(threads, int) or threads < 1:
        raise TunedFileError(f"{file} is damaged (it holds no times)")
    return Tuned(seconds, threads, hashlib.sha256(content).hexdigest())


def _are_times(seconds: Any) -> bool:
    return isinstance(seconds, dict) and all(
        isinstance(times, dict)
        and times
        and all(isinstance(t, float) and 0 < t < math.inf for t in times.values())
        for times in seconds.values()
    )


def write(file: Path, tuned: Tuned) -> None:
    """Replace the file at once: a reader sees the old content or the new.

    Raises OSError if it cannot be written; the old content is then untouched.
    """
    content = {
        "format": FORMAT,
        "machine": _machine(),
        "kernels": _kernels(),
        "threads": tuned.threads,
        "seconds": tuned.seconds,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(temporary, file)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def warn(message: str) -> None:
    """Say on stderr that a file is not used."""
    print(f"minitorch_cnn: {message}", file=sys.stderr)
