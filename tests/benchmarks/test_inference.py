"""Nets are compared in inference with engines that compute the same, each alone in memory."""

import json

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import arguments, engines, inference, rivals
from benchmarks.competitors import FORMATS

ENGINES = ("onnxruntime", "openvino")


@pytest.fixture
def file(tmp_path):
    """An ONNX file of a small net whose batch is free."""
    pytest.importorskip("onnx")
    mt.manual_seed(0)
    net = mt.nn.Sequential(mt.nn.Conv2d(3, 4, 3), mt.nn.ReLU(), mt.nn.Flatten())
    path = tmp_path / "net.onnx"
    axes = {"x": {0: "N"}}
    mt.onnx.export(net, mt.zeros(1, 3, 6, 6), path, input_names=["x"], dynamic_axes=axes)
    return str(path)


@pytest.mark.parametrize("name", ["squeezenet1_0", "googlenet"])
def test_a_rival_of_inference_computes_what_ours_computes(name):
    torch = pytest.importorskip("torch")
    ours, theirs = mt.models.create_model(name).eval(), rivals.RIVALS[name](torch).eval()
    rivals.copy_weights(ours, theirs)
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64), dtype=np.float32)
    with mt.no_grad(), torch.no_grad():
        found, wanted = ours(mt.tensor(x)).numpy(), theirs(torch.tensor(x)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_there_is_a_rival_for_each_net():
    assert set(inference.CASES) <= set(rivals.RIVALS)


@pytest.mark.parametrize("side", engines.SIDES)
def test_each_side_computes_the_same_from_the_same_weights(side, tmp_path):
    for library in ("onnx", *(name for name, columns in FORMATS.items() if side in columns)):
        pytest.importorskip(library)
    subject = inference.subject_of("lenet5_relu", 2, mt.get_num_threads(), None, tmp_path)
    with mt.no_grad():
        images = mt.tensor(subject.arrays()["x"])
        wanted = engines.our_network(subject)(images).numpy()
    call = engines.SIDES[side](subject)()
    np.testing.assert_allclose(engines.first_output(call()), wanted, rtol=1e-4, atol=1e-5)


def test_a_file_is_measured_in_the_engines_that_read_it(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(arguments, "UNRESTRICTED", ())
    vs = ",".join(name for name in ENGINES if pytest.importorskip(name))
    rows = tmp_path / "rows.json"
    words = ["--batch", "2", "--measure", "time", "--repeats", "1", "--json", str(rows)]
    inference.main([file, "--vs", vs, *words])
    eager, compiled = json.loads(rows.read_text())["rows"]
    assert (eager["mode"], compiled["mode"], eager["batch"]) == ("eager", "compiled", 2)
    for row in (eager, compiled):
        assert set(row["ms"]) == {"ours", *ENGINES} and set(row["ratio"]) == set(ENGINES)
    assert "geometric mean" in capsys.readouterr().out


def test_a_side_tells_its_peak_and_its_first_call(file, capsys):
    subject = engines.Subject(file, file, {"x": ("float32", [1, 3, 6, 6])}, 1)
    engines.main("ours", json.dumps(subject))
    told = json.loads(capsys.readouterr().out)
    assert told["MiB"] > told["anonymous MiB"] > 1 and told["first ms"] > 0


def test_the_ratio_of_memory_is_to_the_format_that_takes_less(monkeypatch):
    peaks = {"ours": 30.0, "compiled": 10.0, "torch": 50.0, "torch nhwc": 20.0}

    def run(command, **settings):
        peak = peaks[command[3]]
        answer = {"MiB": peak, "first ms": 1.0, "anonymous MiB": peak - 5}
        answer = json.dumps(answer).encode()
        return type("Done", (), {"stdout": b"compiling\n" + answer + b"\n"})

    monkeypatch.setattr(inference.subprocess, "run", run)
    options = type("Options", (), {"mode": ["eager", "compiled"], "vs": ["torch"]})
    subject = engines.Subject("net", "net.onnx", {}, 1)
    eager, compiled, eager_alone, compiled_alone = inference.memory_of(subject, 8, options)
    assert eager["ratio"] == {"torch": 1.5} and compiled["ratio"] == {"torch": 0.5}
    assert eager_alone["measure"] == "anonymous memory" and eager_alone["ratio"] == {
        "torch": 25 / 15
    }
    assert compiled_alone["MiB"] == {"ours": 5.0, "torch": 45.0, "torch nhwc": 15.0}
    assert compiled["MiB"] == {"ours": 10.0, "torch": 50.0, "torch nhwc": 20.0}


def test_outputs_that_differ_are_not_timed(monkeypatch):
    sides = {"ours": lambda subject: lambda: lambda: np.ones(3),
             "compiled": lambda subject: lambda: lambda: np.ones(3) * 1.01}  # fmt: skip
    monkeypatch.setattr(inference, "SIDES", sides)
    options = type("Options", (), {"mode": ["eager", "compiled"], "vs": []})
    with pytest.raises(RuntimeError, match="the output of compiled differs"):
        inference.time_of(engines.Subject("net", "net.onnx", {}, 1), 1, options)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["lenet6"], "'lenet6' must be FILE.onnx or one of lenet5_relu, "),
        (["--batch", "0"], "--batch 0"),
        (["lenet5_relu", "--input-shape", "1x8x8"], "--input-shape goes with FILE.onnx"),
        (["no.onnx"], "no.onnx"),
        (["no.onnx", "--publish"], "do not go with FILE.onnx"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        inference.main(words)
    assert stop.value.code == 2 and wrong in capsys.readouterr().err


def test_the_sizes_that_a_file_leaves_free_must_be_given(tmp_path):
    free = mt.graph.Free
    value = mt.graph.Value("x", mt.float32, (free("N"), 3, free("H"), free("W")))
    with pytest.raises(ValueError, match="--input-shape must say the sizes of 'x'"):
        inference._sizes("net.onnx", value, 1, None)
    assert inference._sizes("net.onnx", value, 2, (3, 8, 9)) == [2, 3, 8, 9]
    with pytest.raises(ValueError, match="--input-shape 4 must be the size 3 of 'x'"):
        inference._sizes("net.onnx", value, 2, (4, 8, 9))
