"""The CUDA kernels under NVIDIA's compute-sanitizer: python tests/compute_sanitizer.py [TEST ...]

memcheck finds reads and writes outside of arrays, racecheck threads of a block that do not wait for
one another. Both run the kernels' tests on the GPU, a hundred times slower than without.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = ("memcheck", "racecheck")


def command(tool: str, tests: list[str]) -> list[str]:
    """The command line of one tool over the tests marked `gpu`."""
    pytest = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-m",
        "gpu",
        *(tests or ["tests/kernels"]),
    ]
    return ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", *pytest]


def main(tests: list[str]) -> int:
    """Run both tools; the first code that is not 0."""
    if shutil.which("compute-sanitizer") is None:
        print("compute_sanitizer: it is not on the PATH; the CUDA toolkit has it", file=sys.stderr)
        return 2
    root = Path(__file__).parents[1]
    codes = [subprocess.run(command(tool, tests), cwd=root).returncode for tool in TOOLS]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
