"""Runs the tests of the kernels under NVIDIA's compute-sanitizer, on a machine with a GPU.

    python -m benchmarks.sanitize [TOOL ...] [tests/FILE ...]

TOOLs are memcheck (addresses), racecheck (shared memory without a barrier), synccheck (barriers
that some threads miss) and initcheck (memory read before it is written); the default is the first
two. CuPy's memory pool is turned off: within a pool, the end of one array is the beginning of
another, and an access beyond an array goes undetected. A test that fails does not end the run.
"""

import shutil
import subprocess
import sys

TOOLS = ("memcheck", "racecheck", "synccheck", "initcheck")
TESTS = "tests/kernels"
PYTEST = ("-m", "pytest", "-m", "gpu", "-q", "-p", "benchmarks.sanitize")


def pytest_configure():
    """As a pytest plugin: allocate the memory of every array separately."""
    import cupy

    cupy.cuda.set_allocator(None)


def main(words: list[str]) -> int:
    """Run each tool; return 1 if one finds an error, else 0."""
    tests = [word for word in words if "/" in word]
    tools = [word for word in words if word not in tests]
    unknown = set(tools) - set(TOOLS)
    if unknown:
        print(f"sanitize: {', '.join(unknown)} is not one of {', '.join(TOOLS)}", file=sys.stderr)
        return 2
    sanitizer = shutil.which("compute-sanitizer")
    if sanitizer is None:
        print("sanitize: compute-sanitizer is not installed (CUDA toolkit)", file=sys.stderr)
        return 2
    failed = False
    for tool in tools or TOOLS[:2]:
        command = [sanitizer, "--tool", tool, "--error-exitcode", "1"]
        command += ["--target-processes", "all", sys.executable, *PYTEST, *(tests or [TESTS])]
        print(*command, flush=True)
        failed |= subprocess.run(command, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
