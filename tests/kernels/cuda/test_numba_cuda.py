"""The Numba CUDA twins without a GPU: as Python, in Numba's simulator, and through the compiler."""

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
from tests.kernels.twin_check import (
    BATCH_NORM_CASES,
    CONV_CASES,
    POOL_CASES,
    assert_agrees_with_loops,
)

pytest.importorskip("numba_cuda")
ROOMS = {"conv2d": conv2d, "pool2d": pool2d, "batch_norm": batch_norm}
CASES = {"conv2d": CONV_CASES[::7] + CONV_CASES[-10:], "pool2d": POOL_CASES}
CASES["batch_norm"] = BATCH_NORM_CASES


def twin(room: str):
    return importlib.import_module(f"minitorch_cnn.kernels.{room}.numba_cuda")


@pytest.mark.parametrize("room, case", [(r, c) for r in CASES for c in CASES[r]], ids=str)
def test_a_twin_agrees_with_the_loops(room, case, monkeypatch):
    from tests.kernels.cuda.stand_in import stand_in_for_cuda

    stand_in_for_cuda(monkeypatch, twin(room))
    monkeypatch.setattr(ROOMS[room].ROOM, "twins", dict(ROOMS[room].ROOM.twins))
    ROOMS[room].ROOM.register("stand-in", ".numba_cuda", can=on_host)
    assert_agrees_with_loops(case, "stand-in")


def test_a_sum_whose_threads_do_not_wait_is_caught(monkeypatch):
    from minitorch_cnn.kernels.cuda import numba_block

    from tests.kernels.cuda.stand_in import stand_in_for_cuda

    stand_in_for_cuda(monkeypatch, twin("batch_norm"))
    monkeypatch.setattr(numba_block.cuda, "syncthreads", lambda: None)
    monkeypatch.setattr(batch_norm.ROOM, "twins", dict(batch_norm.ROOM.twins))
    batch_norm.ROOM.register("stand-in", ".numba_cuda", can=on_host)
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
    for room, name, *args in (
        ("conv2d", "conv2d_forward", x, w, window, 2),
        ("conv2d", "conv2d_input_grad", gy, w, window, (3, 3), 2),
        ("conv2d", "conv2d_weight_grad", x, gy, window, 2),
        ("conv2d", "conv2d_forward", x, w.reshape(1, 2, 2, 2), window),
        ("pool2d", "max_pool2d_forward", x, window),
        ("pool2d", "avg_pool2d_input_grad", gy, window, (3, 3)),
        ("batch_norm", "batch_norm_statistics", x),
    ):
        twins = (importlib.import_module(f"minitorch_cnn.kernels.{room}.{twin}")
                 for twin in ("numba_cuda", "loops"))
        ours, loops = (getattr(twin, name)(*args) for twin in twins)
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


def call_everything(room: str, dtype) -> None:
    """Call the functions of a twin so that every kernel is launched."""
    module, window = twin(room), Window(2)
    x, gy = np.zeros((1, 2, 4, 4), dtype), np.zeros((1, 2, 3, 3), dtype)
    if room == "conv2d":
        for w, groups in ((np.zeros((2, 1, 2, 2), dtype), 2), (np.zeros((2, 2, 2, 2), dtype), 1)):
            module.conv2d_forward(x, w, window, groups)
            module.conv2d_input_grad(gy, w, window, (4, 4), groups)
            module.conv2d_weight_grad(x, gy, window, groups)
    elif room == "pool2d":
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


@pytest.mark.parametrize("room", ROOMS)
def test_every_kernel_compiles_for_a_gpu_with_the_types_it_is_called_with(room, monkeypatch):
    from numba import cuda, typeof

    calls = {}

    class Recorder:
        """Takes a kernel's place, and notes what it would have been called with."""

        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, shape):
            return lambda *args: calls.setdefault(self.kernel, tuple(map(typeof, args)))

    module = twin(room)
    compiled = [value for value in vars(module).values() if hasattr(value, "py_func")]
    kernels = {k for k in compiled if not k.targetoptions.get("device")}
    for kernel in kernels:
        monkeypatch.setattr(module, kernel.py_func.__name__, Recorder(kernel))
    # Numba asks the driver what the GPU can do, even to compile for another one.
    hopper = SimpleNamespace(compute_capability=(9, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: hopper)
    call_everything(room, np.float32)
    assert calls.keys() == kernels
    for kernel, types in calls.items():
        ptx, _ = cuda.compile(kernel.py_func, types, cc=(9, 0), device=False, abi="numba")
        assert ".target sm_90" in ptx
