"""The nets that are timed against one another compute the same."""

import json

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import models, models_gpu, rivals
from benchmarks.competitors import Library, libraries
from minitorch_cnn.kernels.cuda.array import has_compiler, has_gpu


@pytest.mark.parametrize("case", models.CASES, ids=lambda case: case.name)
def test_a_rival_has_the_parameters_of_ours(case):
    torch = pytest.importorskip("torch")
    with mt.nn.shapes_only(), torch.device("meta"):
        ours, theirs = mt.models.create_model(case.name), rivals.RIVALS[case.name](torch)
    shapes = [tuple(p.shape) for p in theirs.parameters()]
    assert shapes == [p.shape for p in ours.parameters()]


SMALL = {
    "lenet5_relu": 32,
    "resnet20_cifar": 16,
    "mobilenet_v1_100": 64,
    "mobilenet_v2": 64,
    "resnet50": 64,
    "densenet121": 64,
}


@pytest.mark.parametrize("name", SMALL)
def test_a_rival_computes_what_ours_computes_in_both_formats(name):
    pytest.importorskip("torch")
    libs = libraries(["torch"])
    found = models.nets(models.Case(name, 4), libs)
    channels, size = mt.models.model_entry(name).input_shape[0], SMALL[name]
    x = np.random.default_rng(0).standard_normal((4, channels, size, size))
    gradients = {}
    for lib_name, lib in libs.items():
        net = found[lib_name].double()
        if name == "mobilenet_v2":
            next(m for m in net.modules() if type(m).__name__ == "Dropout").p = 0.0
        loss = lib.nn.functional.cross_entropy(net(lib.tensor(x)), lib.tensor([1, 2, 3, 4]))
        loss.backward()
        gradients[lib_name] = [loss.item(), *(p.grad.numpy() for p in net.parameters())]
    for theirs in (gradients["torch"], gradients["torch nhwc"]):
        for ours, other in zip(gradients["ours"], theirs, strict=True):
            error = 1e-8 * np.abs(other).max() + 1e-12  # some gradients are 0 but for rounding
            np.testing.assert_allclose(ours, other, rtol=1e-6, atol=error)


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_the_activations_of_a_rival_are_in_place(name):
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        modules = list(rivals.RIVALS[name](torch).modules())
    assert all(m.inplace for m in modules if isinstance(m, torch.nn.ReLU | torch.nn.ReLU6))


def test_a_channels_last_net_gets_channels_last_images_and_weights():
    torch = pytest.importorskip("torch")
    case, libs = models.Case("resnet20_cifar", 2), libraries(["torch"])
    net = models.nets(case, libs)["torch nhwc"]
    net[0].register_forward_hook(lambda module, inputs, output: seen.extend((*inputs, output)))
    seen = [net[0].weight]
    models.step(net, libs["torch nhwc"], case, "inference")()
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in seen)
    assert not any(t.is_contiguous() for t in seen)


def test_a_step_changes_the_weights_and_inference_does_not():
    case, libs = models.Case("lenet5_relu", 2), libraries([])
    net = models.nets(case, libs)["ours"]

    def weights():
        return [p.detach().numpy().copy() for p in net.parameters()]

    before = weights()
    models.step(net, libs["ours"], case, "inference")()
    assert all(map(np.array_equal, weights(), before))
    models.step(net, libs["ours"], case, "training")()
    assert not any(map(np.array_equal, weights(), before))


def test_the_report_has_a_row_for_each_net_and_mode(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(models, "CASES", [models.Case("lenet5_relu", 2)])
    file = tmp_path / "models.json"
    models.main(["lenet5_relu", "--repeats", "1", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [row["mode"] for row in rows] == list(models.MODES)
    assert all(row["ms"]["ours"] > 0 and row["first ms"]["ours"] > 0 for row in rows)
    assert "lenet5_relu" in capsys.readouterr().out


def test_nets_are_not_compared_with_an_engine_that_does_not_train(capsys):
    pytest.importorskip("onnxruntime")
    with pytest.raises(SystemExit):
        models.main(["--vs", "onnxruntime"])
    assert "--vs onnxruntime goes with benchmarks.inference" in capsys.readouterr().err


def test_an_unknown_net_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        models.main(["lenet6"])
    assert stop.value.code == 2 and "'lenet6'" in capsys.readouterr().err


def test_steps_on_a_device_are_timed_in_turns_until_it_is_idle():
    order = []
    fns = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    times = models_gpu.wall_times(fns, lambda: order.append("idle"), repeats=2)
    assert order == ["a"] * 3 + ["b"] * 3 + ["idle", "a", "idle", "idle", "b", "idle"] * 2
    assert [len(times[name]) for name in fns] == [2, 2]


def test_the_ratio_on_a_device_is_to_the_faster_layout():
    times = {"ours": [3.0, 3.0], "torch": [2.0, 2.0], "torch nhwc": [1.5, 1.5]}
    row = models_gpu.record(models.Case("vgg16", 6), "training", times)
    assert row["ratio"] == 2.0 and row["ours images/s"] == 2.0


def test_a_gpu_that_is_missing_is_named(capsys):
    if has_gpu():
        pytest.skip("a GPU is here")
    with pytest.raises(SystemExit) as stop:
        models.main(["lenet5_relu", "--device", "cuda"])
    assert stop.value.code == 2 and "needs an NVIDIA GPU" in capsys.readouterr().err


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_training_step_is_timed_as_a_graph_too(monkeypatch):
    monkeypatch.setattr(mt.devices, "elsewhere", False)
    lib, case = Library(mt, "emulator"), models.Case("lenet5_relu", 2)
    as_graph = models_gpu.graphed_step(case, lib)
    times = models_gpu.wall_times(
        {"ours": lambda: None, "ours graphed": as_graph}, lambda: None, repeats=1
    )
    assert as_graph.captured
    row = models_gpu.record(case, "training", times | {"torch": [1e-9]})
    assert row["graphed ratio"] > row["ratio"] > 0
