"""The memory of a training step is measured in a process of its own, and has a limit."""

import numpy as np
import pytest

from benchmarks import memory, models
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import shapes_only


def test_there_is_a_model_for_every_case():
    with shapes_only():
        for case in memory.CASES:
            create_model(case.name, **case.settings)


def test_a_case_is_written_as_one_would_call_it():
    assert str(memory.Case("lenet5", 2, {})) == "lenet5"
    assert str(memory.Case("vgg11", 2, {"width": 0.5, "dropout": 0.0})) == (
        "vgg11(width=0.5, dropout=0.0)"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "status"), [(12, 0), (0.001, 1)])
def test_a_table_tells_what_the_nets_need_and_the_status_whether_it_is_too_much(
    limit, status, tmp_path, monkeypatch
):
    pytest.importorskip("resource")
    cases = [memory.Case("vgg11", batch, {"width": 0.1}) for batch in (1, 32)]
    monkeypatch.setattr(memory, "CASES", [*cases, memory.Case("lenet5", 1, {})])
    monkeypatch.setattr(memory, "LIMIT", limit)
    file = tmp_path / "memory.md"
    with pytest.raises(SystemExit) as stop:
        memory.main(["vgg11", "--out", str(file)])
    assert stop.value.code == status
    lines = file.read_text(encoding="utf-8").splitlines()
    assert "`python -m benchmarks.memory vgg11`" in lines
    first, second = (line.split(" | ") for line in lines[-2:])
    assert first[:2] == ["| vgg11(width=0.1)", "1"] and second[1] == "32"
    assert 0 < float(first[2]) <= float(first[3]) < float(second[3]) < 12  # GiB


@pytest.mark.slow
def test_what_the_parent_process_has_does_not_count(monkeypatch, capsys):
    pytest.importorskip("resource")
    weight = np.ones(2**27)  # 1 GiB
    monkeypatch.setattr(memory, "CASES", [memory.Case("lenet5", 1, {})])
    with pytest.raises(SystemExit):
        memory.main([])
    assert weight.any() and float(capsys.readouterr().out.splitlines()[-1].split()[3]) < 1


def test_a_net_that_is_not_among_the_cases_is_refused(capsys):
    with pytest.raises(SystemExit):
        memory.main(["lenet5"])
    assert "NAME lenet5 must be one of resnet110_cifar, " in capsys.readouterr().err


def test_the_ratio_is_to_the_format_that_takes_less(monkeypatch, capsys):
    class Pool:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def apply(self, function, arguments):
            return {"ours": 1.5, "torch": 3.0, "torch nhwc": 2.0}[arguments[0]]

    context = type("Context", (), {"Pool": lambda *settings, **named: Pool()})
    monkeypatch.setattr(memory.multiprocessing, "get_context", lambda name: context)
    memory.compare([models.Case("lenet5_relu", 2)], publish=False)
    row, mean = capsys.readouterr().out.splitlines()[1:]
    assert row.split()[-4:] == ["1.50", "3.00", "2.00", "0.75"]
    assert "geometric mean 0.75 x torch's memory" in mean


def test_the_peak_is_that_of_training_steps(monkeypatch):
    pytest.importorskip("resource")
    monkeypatch.setattr(memory, "peak_memory", lambda: 5.0)
    assert memory.peak("ours", models.Case("lenet5_relu", 2)) == 5.0


@pytest.mark.parametrize("words", [["--vs", "torch", "--out", "x"], ["--publish"]])
def test_what_does_not_go_together_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        memory.main(words)
    assert "--out goes without --vs torch" in capsys.readouterr().err
