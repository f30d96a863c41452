"""The benchmarks of a GPU from their command line to their last row, on a stubbed device.

Arrays have no numbers and launches are counted, so that figures mean nothing; PyTorch runs on the
CPU. The commands are those of device_check.
"""

import json
import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from benchmarks import conv, conv_gpu, gpu, models, models_gpu, ops, ops_gpu
from benchmarks.competitors import Library, libraries
from benchmarks.device_check import CALLS, FOLDER
from benchmarks.stub_device import counting, stub, stubbed
from benchmarks.suites import Layer
from minitorch_cnn.kernels.cuda.array import has_compiler, has_gpu

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux"),
    pytest.mark.skipif(has_gpu(), reason="there is a GPU"),
]


class Event:
    def record(self):
        self.at = time.perf_counter()

    def synchronize(self):
        pass


def cupy():
    """What the benchmarks use of CuPy."""
    found, runtime = ModuleType("cupy"), SimpleNamespace()
    runtime.getDeviceProperties = lambda i: {"l2CacheSize": 1 << 16, "name": b"stub"}
    runtime.driverGetVersion = runtime.runtimeGetVersion = lambda: 13000
    runtime.deviceSynchronize = lambda: None
    found.__version__, found.__spec__ = "stub", SimpleNamespace(name="cupy")
    found.int64, found.float32 = np.int64, np.float32
    found.asarray = stubbed
    found.empty_like = stubbed
    found.copyto = np.copyto
    found.random = SimpleNamespace(standard_normal=lambda shape, dtype: stub(shape, dtype))
    found.RawKernel = lambda text, name: lambda grid, block, args: None
    found.cuda = SimpleNamespace(
        Event=Event,
        is_available=lambda: False,
        runtime=runtime,
        get_elapsed_time=lambda start, end: 1e3 * (end.at - start.at),
    )
    pool = SimpleNamespace(total_bytes=lambda: 0, free_all_blocks=lambda: None)
    found.get_default_memory_pool = lambda: pool
    kinds = SimpleNamespace(COMPUTE_TYPE_TF32=1, COMPUTE_TYPE_PEDANTIC=0)
    found._core = SimpleNamespace(
        _routines_linalg=kinds,
        get_compute_type=lambda dtype: 0,
        set_compute_type=lambda dtype, kind: None,
    )
    return found


def on_stub(vs, device):
    """The libraries, ours on the stubbed device."""
    assert device == "cuda"
    return libraries(vs) | {"ours": Stubbed()}


class Stubbed(Library):
    """Ours, whose tensors and modules are on the stubbed device."""

    def __init__(self):
        super().__init__(libraries([])["ours"].library, "emulator")

    def tensor(self, data, requires_grad=False):
        tensor = super().tensor(data)
        tensor.array = stubbed(tensor.array)
        return tensor.requires_grad_(requires_grad)

    def module(self, net):
        net = super().module(net)
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.array = stubbed(tensor.array)
        return net


@pytest.fixture
def rehearse(monkeypatch, tmp_path):
    """A function that runs a part of the call "speed" on small cases, and returns its rows."""
    monkeypatch.setitem(sys.modules, "cupy", cupy())
    monkeypatch.setattr(gpu, "has_gpu", lambda: True)
    monkeypatch.setattr(gpu, "IDLE_SECONDS", 0)
    monkeypatch.setattr(conv_gpu, "IMPLEMENTATIONS", ("emulator",))
    layers = [("mobilenet", Layer(f"dw 3x3@{n}", 4, n, 4, 3, 1, 1, 4)) for n in (5, 6)]
    monkeypatch.setattr(conv, "selected", lambda names, parts: layers)
    small = [op._replace(shape=(1, 64, 9, 8)) for op in ops.OPS if op.name in ("relu6", "elu")]
    monkeypatch.setattr(ops_gpu, "OPS", small)
    monkeypatch.setattr(ops_gpu, "UPDATES", [ops.UPDATES[1]._replace(model="lenet5_relu")])
    monkeypatch.setattr(ops_gpu, "LEAST", 1)
    monkeypatch.setattr(models_gpu, "BATCH", 1)
    for module in (ops_gpu, models_gpu):
        monkeypatch.setattr(module, "libraries", on_stub)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    monkeypatch.setattr(models_gpu, "set_tf32", lambda allowed, torch: "TF32")

    def run(name):
        (part,) = (part for part in CALLS["speed"] if part.name == name)
        words = [word.replace(FOLDER, str(tmp_path)) for word in part.command[3:]]
        words = [SMALLER.get(word, word) if name == "nets" else word for word in words]
        with counting():
            PROGRAMS[name].main(words)
        return json.loads((tmp_path / f"{name}_rows.json").read_text())["rows"]

    return run


PROGRAMS = {"conv": conv, "ops": ops, "nets": models}
SMALLER = {"resnet50": "lenet5_relu", "mobilenet_v1_100": "lenet5_relu"}
COUNT = {"conv": 6, "ops": 5, "nets": 2}
COLUMNS = {
    "conv": ("suite", "layer", "direction", "figures"),
    "ops": ("op", "of", "direction", "ours ms", "torch nhwc ms", "needed", "host ms", "ratio"),
    "nets": ("model", "mode", "ours images/s", "ours graphed images/s", "ratio", "graphed ratio"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_part_prints_and_keeps_every_row_and_measures_none_again(name, rehearse, capsys):
    rows = rehearse(name)
    assert len(rows) == COUNT[name]
    assert set(COLUMNS[name]) - {"needed"} <= rows[-1].keys() and "failed" not in str(rows)
    if name == "conv":
        assert {"ms", "error", "ratio", "host ms"} <= rows[0]["figures"]["emulator"].keys()
        assert rows[0]["figures"].keys() == {"emulator", "torch", "torch nhwc"}
    first = rows[0]["layer" if name == "conv" else "op" if name == "ops" else "model"]
    printed = capsys.readouterr().out
    assert first in printed and "geometric mean" in printed
    assert rehearse(name) == rows
    assert first not in capsys.readouterr().out


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_row_that_fails_is_kept_with_its_reason_and_the_others_are_measured(
    name, rehearse, monkeypatch, capsys
):
    module = {"conv": conv_gpu, "ops": ops_gpu, "nets": models_gpu}[name]
    timing = "wall_times" if name == "nets" else "event_times"
    measure, calls = getattr(module, timing), []

    def failing(*args):
        calls.append(args)
        if len(calls) == 1:
            raise MemoryError("out of memory\nand more")
        return measure(*args)

    monkeypatch.setattr(module, timing, failing)
    rows = rehearse(name)
    assert "MemoryError: out of memory" in str(rows[0]) and "failed" not in str(rows[1:])
    assert len(rows) == COUNT[name] - (name == "ops")  # without the other direction
    assert "MemoryError: out of memory" in capsys.readouterr().out
