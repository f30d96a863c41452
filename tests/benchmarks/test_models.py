"""The nets that are timed against one another compute the same."""

import json

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import models, models_gpu, rivals
from minitorch_cnn.kernels.cuda.array import has_gpu


@pytest.mark.parametrize("case", models.CASES, ids=lambda case: case.name)
def test_a_rival_has_the_parameters_of_ours(case):
    torch = pytest.importorskip("torch")
    with mt.nn.shapes_only(), torch.device("meta"):
        ours, theirs = mt.models.create_model(case.name), rivals.RIVALS[case.name](torch)
    shapes = [tuple(p.shape) for p in theirs.parameters()]
    assert shapes == [p.shape for p in ours.parameters()]


@pytest.mark.parametrize(
    ("name", "size"),
    [("lenet5_relu", 32), ("resnet20_cifar", 16), ("mobilenet_v1_100", 64), ("resnet50", 64)],
)
def test_a_rival_computes_what_ours_computes(name, size):
    torch = pytest.importorskip("torch")
    case = models.Case(name, 4)
    found = models.nets(case, {"ours": mt, "torch": torch})
    channels = mt.models.model_entry(name).input_shape[0]
    x = np.random.default_rng(0).standard_normal((4, channels, size, size))
    gradients = {}
    for lib_name, lib in (("ours", mt), ("torch", torch)):
        net = found[lib_name].double()
        loss = lib.nn.functional.cross_entropy(net(lib.tensor(x)), lib.tensor([1, 2, 3, 4]))
        loss.backward()
        gradients[lib_name] = [loss.item(), *(p.grad.numpy() for p in net.parameters())]
    for ours, theirs in zip(*gradients.values(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8 * np.abs(theirs).max())


def test_a_step_changes_the_weights_and_inference_does_not():
    case = models.Case("lenet5_relu", 2)
    net = models.nets(case, {"ours": mt})["ours"]

    def weights():
        return [p.detach().numpy().copy() for p in net.parameters()]

    before = weights()
    models.step(net, mt, case, "inference")()
    assert all(map(np.array_equal, weights(), before))
    models.step(net, mt, case, "training")()
    assert not any(map(np.array_equal, weights(), before))


def test_the_report_has_a_row_for_each_net_and_mode(tmp_path, capsys):
    pytest.importorskip("resource")
    file = tmp_path / "models.json"
    models.main(["lenet5_relu", "--repeats", "2", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [row["mode"] for row in rows] == list(models.MODES)
    assert all(row["ours images/s"] > 0 and row["ours GiB"] > 0.02 for row in rows)
    assert "lenet5_relu" in capsys.readouterr().out


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
