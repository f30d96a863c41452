"""What a GPU lent for a quarter of an hour should answer: python -m benchmarks.device_check

    python -m benchmarks.device_check correctness     # tests, sanitizer: under six minutes
    python -m benchmarks.device_check speed           # convolutions, operations, networks, counters

The parts of a call run one after the other, each in a process of its own, so that none ends the
others. After each part its result is written to FOLDER/PART.json; a part that has one is skipped,
so that a call that was cut off is repeated. A part that would not end in time is not begun. One
that was cut off is repeated once all others have a result; benchmarks go on after their last row.
With --device emulator the call is rehearsed on a machine without a GPU: short tests of the same
files and the predictions of the same kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

PYTEST = (
    *(sys.executable, "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider"),
    "--continue-on-collection-errors",  # of a package that only some tests need
)
CONV = "tests/kernels/conv2d/cuda"
OTHERS = tuple(
    f"tests/kernels/{operator}"
    for operator in ("pool2d", "batch_norm", "optimizer", "cross_entropy", "activation")
)
# The suites of conv, those with kernels of ours first.
SUITES = ("mobilenet", "resnext50", "resnet50", "alexnet", "googlenet", "other", "vgg16", "lenet5")
METRICS = (
    "gpu__time_duration.sum,dram__bytes.sum,lts__t_sectors_srcunit_tex.sum,"
    "l1tex__data_bank_conflicts_pipe_lsu.sum,sm__warps_active.avg.pct_of_peak_sustained_active"
)
# One layer of each kind, whose counters are held against the predictions.
COUNTED = (
    "depthwise 3x3, 128 of 56",
    "grouped 3x3, 32 x 4 of 56",
    "dense 3x3, 64 of 56",
    "max pool 3/2, 64 of 112",
    "batch norm, relu, 64 of 56",
    "SGD of three tensors",
)


FOLDER = "{folder}"  # in a command: that of the results


class Part(NamedTuple):
    """A command with the most seconds it gets, and the command that rehearses it."""

    name: str
    seconds: int
    command: tuple[str, ...]
    rehearsal: tuple[str, ...]
    needs: str = ""  # a program


def module(name: str, *options: str) -> tuple[str, ...]:
    return sys.executable, "-m", name, *options


def timed(name: str) -> tuple[str, ...]:
    """The options of a benchmark that keeps its rows in the folder of the results."""
    rows = f"{FOLDER}/{name}_rows.json"
    return "--device", "cuda", "--vs", "torch", "--repeats", "5", "--json", rows


def predicted(case: str) -> tuple[str, ...]:
    return module("minitorch_cnn.kernels.cuda.profile", case)


def counters(case: str) -> tuple[str, ...]:
    return (
        "ncu",
        "--csv",
        "--metrics",
        METRICS,
        *module("benchmarks.device_check", "--launch", case),
    )


CALLS = {
    "correctness": (
        Part(
            "convolutions",
            120,
            (*PYTEST, "-m", "gpu", CONV),
            (*PYTEST, f"{CONV}/test_implicit_gemm.py", "-k", "emulator and parts"),
        ),
        Part(
            "operators",
            90,
            (*PYTEST, "-m", "gpu", *OTHERS),
            (*PYTEST, "tests/kernels/optimizer/test_together.py", "-k", "one_launch"),
        ),
        Part(
            "models",
            60,
            (
                *(*PYTEST, "-m", "gpu", "tests/cuda", "tests/kernels/philox"),
                *("tests/training/test_device_tally.py", "tests/test_amp.py", "tests/test_gpu.py"),
            ),
            (*PYTEST, "tests/training/test_device_tally.py", "-k", "no_class or graphed_run_is"),
        ),
        Part(
            "sanitizer",
            80,
            module("benchmarks.sanitize", "memcheck", f"{CONV}/test_implicit_gemm.py", CONV),
            module("benchmarks.sanitize", "nothing"),
            needs="compute-sanitizer",
        ),
    ),
    "speed": (
        Part(
            "conv",
            120,
            module("benchmarks.conv", "--suite", *SUITES, "--chosen", *timed("conv")),
            predicted("dense 1x1"),
        ),
        Part(
            "ops",
            70,
            module("benchmarks.ops", *timed("ops")),
            predicted("relu"),
        ),
        Part(
            "nets",
            90,
            module(
                *("benchmarks.models", "resnet50", "mobilenet_v1_100", "resnet20_cifar"),
                *("--mode", "training", *timed("nets")),
            ),
            module("benchmarks.host", "lenet5_relu", "--repeats", "1"),
        ),
        *(
            Part(f"counters of {case}", 12, counters(case), predicted(case), needs="ncu")
            for case in COUNTED
        ),
    ),
}


def run_part(part: Part, device: str, seconds: float, folder: Path) -> dict:
    """Run a part's command; its exit status (None where it was cut off), seconds and output."""
    words = part.command if device == "cuda" else part.rehearsal
    command = [word.replace(FOLDER, str(folder)) for word in words]
    if device == "cuda" and part.needs and shutil.which(part.needs) is None:
        return {"part": part.name, "rc": None, "output": f"{part.needs} is not installed"}
    started = time.perf_counter()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}  # what is cut off has said all it knows
    with subprocess.Popen(
        command, text=True, errors="replace", start_new_session=True, env=environment, **streams
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            rc = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with what it has started
            output, _ = process.communicate()
            rc = None
    took = round(time.perf_counter() - started, 1)
    cut = {"cut off": True} if rc is None else {}
    found = {"part": part.name, "rc": rc, "seconds": took, "command": command, "output": output}
    return found | cut


def keep(path: Path, result: dict) -> None:
    """Write a result, whole or not at all."""
    waiting = path.with_suffix(".waiting")
    waiting.write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(waiting, path)


def file_of(folder: Path, part: Part) -> Path:
    return folder / f"{part.name.replace(' ', '_').replace('/', '_').replace(',', '')}.json"


def plan(call: str) -> str:
    """The most seconds of each part of a call, and of all."""
    parts = CALLS[call]
    each = ", ".join(f"{part.name} {part.seconds}" for part in parts)
    return f"{call}: at most {sum(part.seconds for part in parts)} s: {each}"


def done(path: Path) -> bool:
    """Whether a part has a result, and was not cut off."""
    return path.exists() and "cut off" not in json.loads(path.read_text(encoding="utf-8"))


def check(call: str, device: str, folder: Path, seconds: float) -> int:
    """Run the parts of a call that have no result yet; return 1 if a part failed, else 0."""
    end, failed = time.monotonic() + seconds, False
    print(plan(call), flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    parts = sorted(CALLS[call], key=lambda part: file_of(folder, part).exists())
    for part in parts:
        path, left = file_of(folder, part), end - time.monotonic()
        if done(path):
            print(f"{part.name}: done before")
            continue
        if left < min(part.seconds, 20):
            print(f"{part.name}: {left:.0f} s are left, call again")
            continue
        most = part.seconds if device == "cuda" else left  # the emulator is slower
        result = run_part(part, device, min(most, left), folder)
        keep(path, result)
        said = (result["output"].strip().splitlines() or ["no output"])[-1]
        took = f"{result.get('seconds', 0):.0f} of {part.seconds} s"
        print(f"{part.name}: exit status {result['rc']} after {took}: {said}", flush=True)
        failed |= result["rc"] != 0
    return int(failed)


def launch_on_gpu(case: str) -> None:
    """Run a case of profile_cases.py on the GPU, for a profiler around this process."""
    import cupy

    from minitorch_cnn.kernels.cuda import profile_cases

    profile_cases.place = cupy.asarray
    profile_cases.CASES[case]()()
    cupy.cuda.runtime.deviceSynchronize()


def main(argv: list[str] | None = None) -> int:
    """Run a call; return 1 if a part failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.device_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("call", nargs="?", choices=CALLS, default="correctness")
    add("--device", choices=["cuda", "emulator"], default="cuda")
    add("--folder", type=Path, default=Path("device_check"), help="of results (%(default)s)")
    add("--seconds", type=float, default=345, help="that the call may take (%(default)s)")
    add("--launch", metavar="CASE", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.launch:
        launch_on_gpu(options.launch)
        return 0
    return check(options.call, options.device, options.folder, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
