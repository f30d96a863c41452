"""The Numba CUDA implementations without a GPU: as Python, in Numba's simulator, and through the
compiler.
"""

import importlib
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, batch_norm, conv2d, pool2d
from minitorch_cnn.kernels.cuda.array import on_host
from tests.interpreter import ROOT
from tests.kernels.implementation_check import (
    BATCH_NORM_CASES,
    CONV_CASES,
    POOL_CASES,
    assert_agrees_with_loops,
)

pytest.importorskip("numba_cuda")
OPERATORS = {"conv2d": conv2d, "pool2d": pool2d, "batch_norm": batch_norm}
CASES = {"conv2d": CONV_CASES[::7] + CONV_CASES[-10:], "pool2d": POOL_CASES}
CASES["batch_norm"] = BATCH_NORM_CASES


def implementation(operator: str):
    return importlib.import_module(f"minitorch_cnn.kernels.{operator}.numba_cuda")


@pytest.mark.parametrize("operator, case", [(r, c) for r in CASES for c in CASES[r]], ids=str)
def test_the_implementation_agrees_with_the_loops(operator, case, monkeypatch):
    from tests.kernels.cuda.stand_in import stand_in_for_cuda

    stand_in_for_cuda(monkeypatch, implementation(operator))
    monkeypatch.setattr(
        OPERATORS[operator].OPERATOR,
        "implementations",
        dict(OPERATORS[operator].OPERATOR.implementations),
    )
    OPERATORS[operator].OPERATOR.register("stand-in", ".numba_cuda", can=on_host)
    assert_agrees_with_loops(case, "stand-in")


def test_a_sum_without_barriers_is_caught(monkeypatch):
    from minitorch_cnn.kernels.cuda import numba_block
    from tests.kernels.cuda.stand_in import stand_in_for_cuda

    stand_in_for_cuda(monkeypatch, implementation("batch_norm"))
    monkeypatch.setattr(numba_block.cuda, "syncthreads", lambda: None)
    monkeypatch.setattr(
        batch_norm.OPERATOR, "implementations", dict(batch_norm.OPERATOR.implementations)
    )
    batch_norm.OPERATOR.register("stand-in", ".numba_cuda", can=on_host)
    with pytest.raises(AssertionError, match="differs from loops"):
        assert_agrees_with_loops(BATCH_NORM_CASES[0], "stand-in")


# Tiny, because the simulator takes a millisecond for each thread.
SIMULATED = """if True:
    import importlib
    import numpy as np
    from minitorch_cnn.kernels import Window
    from minitorch_cnn.kernels.cuda import numba_block

    numba_block.THREADS = 4
    draw = np.random.default_rng(0).normal
    x, w, gy = draw(size=(1, 2, 3, 3)), draw(size=(2, 1, 2, 2)), draw(size=(1, 2, 2, 2))
    window = Window(2)
    for operator, name, *args in (
        ("conv2d", "conv2d_forward", x, w, window, 2),
        ("conv2d", "conv2d_input_grad", gy, w, window, (3, 3), 2),
        ("conv2d", "conv2d_weight_grad", x, gy, window, 2),
        ("conv2d", "conv2d_forward", x, w.reshape(1, 2, 2, 2), window),
        ("pool2d", "max_pool2d_forward", x, window),
        ("pool2d", "avg_pool2d_input_grad", gy, window, (3, 3)),
        ("batch_norm", "batch_norm_statistics", x),
    ):
        package = f"minitorch_cnn.kernels.{operator}"
        modules = (importlib.import_module(f"{package}.{x}") for x in ("numba_cuda", "loops"))
        ours, loops = (getattr(module, name)(*args) for module in modules)
        if isinstance(ours, np.ndarray):
            ours, loops = [ours], [loops]
        assert all(np.allclose(a, b) for a, b in zip(ours, loops, strict=True)), name
        print(name)
"""


def test_numbas_own_simulator_agrees_with_the_loops():
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SIMULATED],
        cwd=ROOT,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.split()) == 7


def call_everything(operator: str, dtype) -> None:
    """Call the functions of an implementation so that every kernel is launched."""
    module, window = implementation(operator), Window(2)
    x, gy = np.zeros((1, 2, 4, 4), dtype), np.zeros((1, 2, 3, 3), dtype)
    if operator == "conv2d":
        for w, groups in ((np.zeros((2, 1, 2, 2), dtype), 2), (np.zeros((2, 2, 2, 2), dtype), 1)):
            module.conv2d_forward(x, w, window, groups)
            module.conv2d_input_grad(gy, w, window, (4, 4), groups)
            module.conv2d_weight_grad(x, gy, window, groups)
    elif operator == "pool2d":
        _, argmax = module.max_pool2d_forward(x, window)
        module.adaptive_max_pool2d_forward(x, (3, 3))
        module.max_pool2d_input_grad(gy, argmax, (4, 4))
        module.max_pool2d_gather(x, argmax)
        module.avg_pool2d_forward(x, window)
        module.avg_pool2d_input_grad(gy, window, (4, 4))
        module.adaptive_avg_pool2d_forward(x, (3, 3))
        module.adaptive_avg_pool2d_input_grad(gy, (4, 4))
    else:
        vector = np.ones(2, dtype)
        module.batch_norm_training(x, vector, vector, 1e-5, True)
        module.batch_norm_backward(x, x, vector, vector, vector, vector)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_kernel_compiles_for_a_gpu_with_the_types_it_is_called_with(operator, monkeypatch):
    from numba import cuda, typeof

    calls = {}

    class Recorder:
        """Replaces a kernel and records the arguments of its calls."""

        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, shape):
            return lambda *args: calls.setdefault(self.kernel, tuple(map(typeof, args)))

    module = implementation(operator)
    compiled = [value for value in vars(module).values() if hasattr(value, "py_func")]
    kernels = {k for k in compiled if not k.targetoptions.get("device")}
    for kernel in kernels:
        monkeypatch.setattr(module, kernel.py_func.__name__, Recorder(kernel))
    # Numba asks the driver what the GPU can do, even to compile for another one.
    hopper = SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: hopper)
    call_everything(operator, np.float32)
    assert calls.keys() == kernels
    for kernel, types in calls.items():
        ptx, _ = cuda.compile(kernel.py_func, types, cc=(9, 0), device=False, abi="numba")
        assert ".target sm_90" in ptx
