"""The step of every model at its full size is measured, and what is not finite is named."""

import math

import pytest

import minitorch_cnn as mt
from benchmarks import full_size
from minitorch_cnn.models import registry


def test_a_step_is_measured():
    pytest.importorskip("resource")
    step = full_size.one_step("lenet5")
    assert step.wrong == "" and step.forward > 0 and step.backward > 0
    assert 0.02 < step.memory < 16


def test_a_net_that_labels_pixels_does_a_step(monkeypatch):
    pytest.importorskip("resource")
    entry = registry.Entry("labeller", lambda: mt.nn.Conv2d(3, 5, 1), 20, 960, (3, 8, 8))
    monkeypatch.setitem(registry._entries, "labeller", entry)
    assert full_size.one_step("labeller").wrong == ""


@pytest.mark.parametrize("place", ["loss", "gradient of 0.weight", "1.running_var"])
def test_what_is_not_finite_is_named(place):
    model = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.BatchNorm1d(3))
    loss = model(mt.randn(4, 2)).square().sum()
    loss.backward()
    assert full_size.nonfinite(model, loss) == ""
    tensors = {"loss": loss, "gradient of 0.weight": model[0].weight.grad}
    tensors |= dict(model.named_buffers())
    tensors[place].array.flat[-1] = math.nan
    assert full_size.nonfinite(model, loss) == place


def test_a_parameter_without_a_gradient_is_named():
    model = mt.nn.Linear(2, 3)
    assert full_size.nonfinite(model, mt.ones(())) == "gradient of weight"


def test_the_table_goes_to_a_file(tmp_path, capsys):
    pytest.importorskip("resource")
    file = tmp_path / "full_size.md"
    with pytest.raises(SystemExit) as stop:
        full_size.main(["lenet5", "lenet5_relu", "--out", str(file)])
    assert stop.value.code == 0 and "lenet5_relu" in capsys.readouterr().out
    lines = file.read_text(encoding="utf-8").splitlines()
    assert "`python -m benchmarks.full_size lenet5 lenet5_relu`" in lines
    assert [line.split(" | ")[-1] for line in lines[-2:]] == ["yes |"] * 2


def test_an_unknown_model_is_refused_before_any_is_run(capsys):
    with pytest.raises(KeyError, match="the nearest is 'lenet5'"):
        full_size.main(["lenet5", "lenet6"])
    assert "lenet5 " not in capsys.readouterr().out
