"""The convolution benchmark measures the named cases, and refuses others."""

import json

import pytest

import minitorch_cnn as mt
from benchmarks import arguments, conv, roofline
from benchmarks.suites import SUITES, Layer
from minitorch_cnn.analysis import Roof


def test_vgg16_has_its_published_multiply_adds():
    times = {"conv3_2": 2, "conv4_2": 2, "conv5_1": 3}  # layers of a shape that comes again
    total = sum(times.get(layer.name, 1) * layer.macs(1) for layer in SUITES["vgg16"])
    fully_connected = 25_088 * 4_096 + 4_096 * 4_096 + 4_096 * 1_000
    assert total + fully_connected == 15_470_264_320


def test_no_network_has_a_shape_of_the_suite_other():
    shapes = {suite: {layer[1:] for layer in layers} for suite, layers in SUITES.items()}
    for suite in SUITES.keys() - {"other"}:
        assert not shapes["other"] & shapes[suite]


def test_rows_are_chosen_by_parts_of_their_names():
    names = [layer.name for _, layer in conv.selected(["vgg16", "other"], ["conv5", "1x7"])]
    assert names == ["conv5_1", "1x7@17", "1x7@35"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A roof that is not measured, and implementations that are not compiled."""
    monkeypatch.setattr(conv, "measured_roof", lambda: Roof(1e9, 1e9))
    monkeypatch.setattr(conv.dispatch, "available", lambda operator: ["loops", "numpy"])


def run(tmp_path, *words):
    """The rows of the first layer of LeNet-5, forward."""
    file = tmp_path / "conv.json"
    which = ["--suite", "lenet5", "--rows", "C1", "--directions", "forward", "--repeats", "1"]
    conv.main([*which, "--json", str(file), *words])
    return json.loads(file.read_text())["rows"]


def test_the_report_names_every_implementation_and_goes_to_a_file(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SUITES, "lenet5", [Layer("C1", 2, 5, 3, 3)])
    (row,) = run(tmp_path)
    head = capsys.readouterr().out
    assert "loops ms" in head and "numpy ms" in head
    assert row["ms"]["numpy"] > 0 and row["error"]["loops"] < 1e-5 and row["ratio"] == {}


def test_the_chosen_implementation_alone_is_timed_if_asked_for(tmp_path, capsys):
    picture = tmp_path / "roofline.png"
    (row,) = run(tmp_path, "--chosen", "--plot", str(picture))
    assert "loops ms" not in capsys.readouterr().out
    assert list(row["ms"]) == list(row["error"]) == ["ours"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_both_formats_of_torch_are_timed_and_the_ratio_is_to_the_faster(tmp_path, capsys):
    pytest.importorskip("torch")
    (row,) = run(tmp_path, "--chosen", "--vs", "torch")
    assert list(row["ms"]) == ["ours", "torch", "torch nhwc"]
    fastest = min(row["ms"]["torch"], row["ms"]["torch nhwc"])
    assert row["ratio"]["torch"] == pytest.approx(row["ms"]["ours"] / fastest)  # of one turn
    assert "lenet5 forward           geometric mean" in capsys.readouterr().out


def test_the_engine_is_timed_beside_forward_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(arguments, "UNRESTRICTED", ())
    for module in ("torch", "onnx", "onnxruntime"):
        pytest.importorskip(module)
    row, _ = run(tmp_path, "--chosen", "--vs", "torch,onnxruntime", "--directions", "forward", "gx")
    assert list(row["ratio"]) == ["torch", "onnxruntime"]


def test_an_engine_that_cannot_be_restricted_is_not_compared_as_another_machine(
    monkeypatch, capsys
):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", "avx2")
    with pytest.raises(SystemExit):
        conv.main(["--vs", "onnxruntime"])
    said = "--vs onnxruntime cannot be restricted to the instructions of MINITORCH_CNN_MACHINE"
    assert said in capsys.readouterr().err


def test_how_the_speed_grows_with_threads_is_said(tmp_path, capsys):
    before = mt.get_num_threads()
    try:
        rows = run(tmp_path, "--chosen", "--threads", "1", "2")
    finally:
        mt.set_num_threads(before)
    assert [row["threads"] for row in rows] == [1, 2]
    assert "2 threads, times as fast as 1: ours" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--batch", "0"], "--batch 0 must be at least 1"),
        (["--repeats", "0"], "--repeats 0 must be at least 1"),
        (["--threads", "1", "0"], "--threads 0 must be at least 1"),
        (["--rows", "9x9"], "--rows 9x9 is in no layer's name"),
        (["--vs", "torch,keras"], "'keras' must be one of torch, onnxruntime"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, complaint, capsys):
    pytest.importorskip("torch")
    with pytest.raises(SystemExit) as stop:
        conv.main(words)
    assert stop.value.code == 2 and complaint in capsys.readouterr().err


def test_a_layers_intensity_counts_each_array_once():
    layer = Layer("pointwise", 4, 3, 5, 1)
    operations, numbers = 2 * 2 * 5 * 4 * 9, 2 * 4 * 9 + 5 * 4 + 2 * 5 * 9
    assert roofline.intensity(layer, 2) == operations / (4 * numbers)
