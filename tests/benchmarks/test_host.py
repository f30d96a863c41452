"""What the host does for a step: counted on a stub, with bounds that a change must not exceed."""

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import host
from benchmarks.stub_device import StubArray, counting, stub
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.training import device_tally, loop

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")

# At most so many launches of ours, calls of the array library and synchronisations a step.
# The host reads once in 16 steps, and at the end of an epoch.
BOUNDS = {
    "lenet5_relu": (24, 22, 1 / 16),
    "resnet20_cifar": (190, 17, 1 / 16),
    "mobilenet_v1_100": (222, 10, 1 / 16),
    "resnet50": (465, 12, 1 / 16),
}


@pytest.fixture(autouse=True)
def no_device_afterwards(monkeypatch):
    monkeypatch.setattr(mt.devices, "elsewhere", False)


@pytest.mark.parametrize("name", BOUNDS)
def test_a_step_asks_no_more_of_the_device_than_before(name, monkeypatch):
    steps = 16 if name in ("lenet5_relu", "resnet20_cifar") else 2
    for place in (host, loop, device_tally):
        monkeypatch.setattr(place, "STEPS", steps)
    found = host.measure(name, repeats=1)
    launches, calls, synchronisations = BOUNDS[name]
    assert found.launches <= launches, found
    assert found.calls * steps <= calls * steps + 1, found  # one look at the device
    assert found.synchronisations * steps <= synchronisations * 16, found


def test_a_replayed_step_asks_for_copies_of_its_batch_only(monkeypatch):
    monkeypatch.setattr(host, "STEPS", 16)
    found = host.measure("lenet5_relu", repeats=1, graphed=True)
    assert found.launches == 0 and found.synchronisations == 1 / 16
    assert found.calls == 2 + 1 / 16  # copies of images and labels; zeros after a look
    assert found.seconds < host.measure("lenet5_relu", repeats=1).seconds


def test_launches_calls_and_synchronisations_are_counted_by_name():
    x = stub((2, 3, 4, 4), np.float32)
    with counting() as counts:
        y = mt.nn.functional.max_pool2d(mt.Tensor(x), 2)
        z = (y + 1).sum()
        assert (z.shape, z.dtype, z.array.__class__) == ((), np.float32, StubArray)
        z.item()
        x.reshape(6, 16)
        x.transpose(1, 0, 2, 3).reshape(-1)
        np.empty(3, like=x)
    assert (counts.launches, counts.calls, counts.synchronisations) == (1, 3, 1)
    assert counts.names["kernel max_pool"] == 1
    assert counts.names["array add"] == counts.names["array add.reduce"] == 1


def test_nothing_is_computed_however_large_the_arrays():
    x = stub((2**10, 2**10, 2**10), np.float32)
    with counting():
        assert (x * 2 + x).shape == x.shape and not bool((x < 0).any())


def test_all_nets_are_measured_by_default_and_others_refused(capsys, monkeypatch):
    step = host.Step(1, 2, 0, 0.5, {})
    monkeypatch.setattr(host, "measure", lambda net, repeats, graphed: step)
    host.main([])
    out = capsys.readouterr().out
    assert all(net in out for net in host.NETS)
    with pytest.raises(SystemExit):
        host.main(["vgg16"])
    assert "NET 'vgg16' must be one of lenet5_relu" in capsys.readouterr().err


def test_the_table_has_a_row_for_each_net(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(host, "STEPS", 1)
    host.main(["lenet5_relu", "--repeats", "1", "--names", "--json", str(tmp_path / "host.json")])
    out = capsys.readouterr().out
    assert "lenet5_relu" in out and "kernel sgd" in out
    assert '"launches"' in (tmp_path / "host.json").read_text()
