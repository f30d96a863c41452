"""The benchmarks of a GPU: refused without one, their arithmetic and their order of calls with a
stand-in for CuPy."""

import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import conv, conv_gpu, gpu, ops, ops_gpu
from benchmarks.competitors import Library
from benchmarks.suites import Layer
from minitorch_cnn.kernels.cuda.array import has_gpu

without_gpu = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


@without_gpu
@pytest.mark.parametrize("benchmark", [conv, ops])
def test_without_a_gpu_a_benchmark_of_one_is_refused(benchmark, capsys):
    with pytest.raises(SystemExit) as stop:
        benchmark.main(["--device", "cuda"])
    assert stop.value.code == 2
    assert "--device cuda needs an NVIDIA GPU and CuPy" in capsys.readouterr().err


@pytest.mark.parametrize("words, complaint", [(["--tf32", "on"], "--tf32 goes with --device cuda")])
def test_settings_of_a_gpu_are_refused_on_the_cpu(words, complaint, capsys):
    with pytest.raises(SystemExit):
        conv.main(words)
    assert complaint in capsys.readouterr().err


def test_the_share_of_the_roofline_is_that_of_its_nearer_side():
    ceiling = gpu.Ceilings(bandwidth=4e12, arithmetic=60e12)
    assert ceiling.share(2e-3, 4e9, 6e9) == pytest.approx(0.5)  # 1 ms of copying
    assert ceiling.share(2e-3, 4e8, 6e10) == pytest.approx(0.5)  # 1 ms of arithmetic


def test_ratios_are_to_the_faster_of_torchs_layouts():
    times = {"cuda": [3e-3, 1e-3, 2e-3], "torch": [4e-3] * 3, "torch nhwc": [1e-3] * 3}
    ceiling = gpu.Ceilings(1e12, 1e12)
    row = conv_gpu.figures_of(times, {"cuda": 1e-6}, ceiling, 10**9, 10**6)
    assert row["cuda"] == pytest.approx({"ms": 2, "roofline": 0.5, "error": 1e-6, "ratio": 2})
    assert row["torch nhwc"] == pytest.approx({"ms": 1, "roofline": 1})
    rows = [{"suite": "s", "layer": "l", "direction": "gx", "figures": row}]
    names = ["cuda", *conv_gpu.RIVALS]
    head, line = conv_gpu.head(names), conv_gpu.line(rows[0], names)
    assert "cuda ms" in head and "torch nhwc ms" in head
    assert "2.0000" in line and "1e-06" in line and " 2.00" in line
    assert conv_gpu.means(rows)[0].startswith(
        "s          gx        cuda       geometric mean 2.00 x"
    )


@pytest.fixture
def calls(monkeypatch):
    """What is asked of a stand-in for CuPy whose clock moves one millisecond with each call."""
    calls, cupy = [], ModuleType("cupy")

    class Event:
        def record(self):
            self.at = len(calls)

        def synchronize(self):
            calls.append("wait")

    cupy.RawKernel = lambda text, name: lambda grid, block, args: calls.append(name)
    cupy.int64 = np.int64
    cupy.asarray = np.array
    cupy.cuda = SimpleNamespace(
        Event=Event,
        get_elapsed_time=lambda start, end: float(end.at - start.at),
        runtime=SimpleNamespace(getDeviceProperties=lambda i: {"l2CacheSize": 1000}),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return calls


def test_calls_take_turns_warm_behind_an_idle_kernel_and_rotate_through_their_buffers(calls):
    fns = {"a": [lambda: calls.append("a0"), lambda: calls.append("a1")], "b": [lambda: None]}
    times = gpu.event_times(fns, repeats=3)
    assert calls[:2] == ["a0", "a1"]  # once before
    turn = ["idle", "a0", "wait", "idle", "wait"]
    assert calls[2:4] == ["a0", "a1"]  # and to see how long the host takes
    assert calls[4:] == [*turn, *(c.replace("a0", "a1") for c in turn), *turn]
    assert times == {"a": [1e-3] * 3, "b": [0.0] * 3}


def test_the_idle_kernel_lasts_longer_than_the_host_takes_whose_time_is_kept_apart(calls):
    asked = []
    cupy = sys.modules["cupy"]
    cupy.RawKernel = lambda text, name: lambda grid, block, args: asked.append(args[0])
    host = {}
    gpu.event_times({"slow": [lambda: time.sleep(0.01)], "fast": [lambda: None]}, 2, host)
    slow, fast, *_ = asked
    assert slow >= 2e7 and fast == 1e6
    assert min(host["slow"]) >= 0.01 and len(host["fast"]) == 2


def test_what_cannot_run_is_noted_and_the_row_goes_on(calls, monkeypatch):
    pytest.importorskip("torch")
    problem = conv_gpu.GpuProblem(Layer("dense", 4, 6, 6, 3, 1, 1, 1), batch=1)

    def broken(*args):
        raise AttributeError("module 'numpy' has no attribute 'row_stack'\nand more")

    rival = problem.rival_calls
    monkeypatch.setattr(problem, "calls", lambda *args: [broken])
    monkeypatch.setattr(
        problem, "rival_calls", lambda way, nhwc: [broken] if nhwc else rival(way, nhwc)
    )
    monkeypatch.setattr(sys.modules["cupy"].cuda, "get_elapsed_time", lambda start, end: 1.0)
    names = ["numpy", *conv_gpu.RIVALS]
    row = conv_gpu.measure(problem, "forward", gpu.Ceilings(1e12, 1e12), names, 1)
    assert row["numpy"] == {"failed": "AttributeError: module 'numpy' has no attribute 'row_stack'"}
    assert "ms" in row["torch"] and "failed" in row["torch nhwc"]
    rows = [{"suite": "s", "layer": "l", "direction": "forward", "figures": row}]
    assert "failed" in conv_gpu.line(rows[0], names)
    assert conv_gpu.failures(rows)[0].startswith("s l forward: numpy failed: AttributeError")


def test_buffers_together_are_twice_the_cache(calls):
    assert gpu.sets_beyond_cache(300) == 8
    assert gpu.sets_beyond_cache(10**9) == 2
    assert gpu.sets_beyond_cache(1) == gpu.MOST_SETS


@pytest.mark.parametrize("direction", conv.DIRECTIONS)
def test_both_layouts_of_torch_and_our_implementations_compute_the_same(calls, direction):
    torch = pytest.importorskip("torch")
    problem = conv_gpu.GpuProblem(Layer("grouped", 4, 7, 6, 3, 2, 1, 2), batch=2)
    ours = problem.calls(direction, "numpy")[0]()
    assert problem.error(direction, ours) < 1e-5
    part = {"forward": None, "gx": 0, "gw": 1}[direction]
    for nhwc in (False, True):
        found = problem.rival_calls(direction, nhwc)[-1]()
        found = found if part is None else found[part]
        assert torch.allclose(found, torch.from_numpy(ours), atol=1e-4)


def test_an_op_has_to_move_its_input_and_output_and_back_the_gradients_too():
    op = ops.Op("relu", (2, 3), None)
    assert ops_gpu.traffic(op, 6, "forward") == 48
    assert ops_gpu.traffic(op, 6, "backward") == 72


def test_bytes_that_our_kernels_move_are_told_apart_from_those_needed():
    relu, norm = (ops.Op(name, (2, 3), None) for name in ("relu", "batch norm"))
    assert ops_gpu.moved(relu, 6, "forward") == ops_gpu.traffic(relu, 6, "forward") == 48
    assert [ops_gpu.moved(norm, 6, way) for way in ("forward", "backward")] == [72, 120]
    assert ops_gpu.enlarged(relu).shape == (11184812, 3)
    assert ops_gpu.enlarged(ops.UPDATES[0]) is ops.UPDATES[0]


@pytest.mark.parametrize("op", ops.OPS, ids=lambda op: f"{op.name.strip()} {op.shape}")
def test_every_op_is_so_large_that_its_launch_does_not_count_and_fits_into_memory(op):
    large = ops_gpu.enlarged(op)
    assert large.shape[1:] == op.shape[1:]
    few = op._replace(shape=(1, *op.shape[1:]))  # whose outputs are counted
    y = ops.functions(few, Library(mt))["forward"]()
    numbers = max(np.prod(few.shape), y.numel()) * large.shape[0]
    assert 2**25 <= numbers < 2**26


def test_targets_are_read_in_both_directions():
    loss = ops.Op("cross entropy", (5, 10), None)
    assert ops_gpu.traffic(loss, 1, "forward") == 4 * 51 + 8 * 5
    assert ops_gpu.traffic(loss, 1, "backward") == 4 * 101 + 8 * 5


def test_ops_run_where_the_tensors_lie():
    entropy = next(op for op in ops.OPS if op.name == "cross entropy")
    for op in (ops.Op("gelu", (4, 5), lambda lib: lib.nn.GELU()), entropy):
        fns = ops.functions(op, Library(mt, "emulator"))
        assert fns["forward"]().device == "emulator"
        assert {g.device for g in fns["backward"]()} == {"emulator"}
    ops.functions(ops.UPDATES[1]._replace(model="lenet5_relu"), Library(mt, "emulator"))["step"]()
