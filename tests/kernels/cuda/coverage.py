"""Which lines of the CUDA kernels the emulator tests run, counted by gcov.

    python -m tests.kernels.cuda.coverage

compiles every text anew with counters, runs the tests that emulate, and prints for each text how
many of its lines were run and which were not. A line counts as run if any specialisation ran it.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from minitorch_cnn.kernels.cuda import compiler, emulator
from minitorch_cnn.kernels.cuda.launch import SOURCES

TESTS = ["tests/kernels", "-k", "(emulator or cuda) and not faults and not check and not numba"]


def pytest_configure(config):
    """As a plugin of pytest: count in every library, in a folder of their own."""
    folder, settings = Path(config.rootpath / ".coverage_of_kernels"), emulator.current_settings
    folder.mkdir(exist_ok=True)
    compiler.cache_folder = lambda: folder
    emulator.current_settings = lambda: replace(settings(), options=("--coverage", "-O0"))


def counts(folder: Path) -> dict[str, dict[int, bool]]:
    """For each text of an operator, whether each line with code was run."""
    lines = defaultdict(lambda: defaultdict(bool))
    for data in sorted(folder.glob("*.gcda")):
        command = ["gcov", "--json-format", "--stdout", str(data)]
        report = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        for file in json.loads(report.stdout)["files"]:
            path = Path(file["file"])
            if path.suffix in (".cu", ".h") and path.is_relative_to(SOURCES):
                name = str(path.relative_to(SOURCES))
                for line in file["lines"]:
                    lines[name][line["line_number"]] |= line["count"] > 0
    return lines


def main(arguments: list[str]) -> int:
    """Run the tests, print the table."""
    root = Path(__file__).parents[3]
    with tempfile.TemporaryDirectory() as folder:
        link = root / ".coverage_of_kernels"
        link.symlink_to(folder)
        try:
            plugin = ["-p", "tests.kernels.cuda.coverage", "-q"]
            command = [sys.executable, "-m", "pytest", *plugin, *(arguments or TESTS)]
            status = subprocess.run(command, cwd=root, check=False).returncode
            found = counts(Path(folder))
        finally:
            link.unlink()
    total = run = 0
    for name, lines in sorted(found.items()):
        missed = [str(number) for number, was_run in sorted(lines.items()) if not was_run]
        total, run = total + len(lines), run + len(lines) - len(missed)
        print(f"{name:<55}{len(lines) - len(missed):>5} of {len(lines):<5}", *missed)
    print(f"{'all':<55}{run:>5} of {total:<5}{100 * run / max(total, 1):.1f} %")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
