"""Programs written for PyTorch give PyTorch's numbers when only their imports are changed.

numbers.json holds what PyTorch gave; `python -m tests.programs.record` writes it.
"""

import importlib
import json

import pytest

from tests.programs.running import (
    DTYPES,
    NUMBERS,
    OURS,
    PROGRAMS,
    THEIRS,
    numbers,
    run,
    with_imports_changed,
)

RECORDED = json.loads(NUMBERS.read_text(encoding="utf-8"))
# In float32 a sum of another order may round an activation of research.py to its next level.
RUNS = [(p, d) for p in PROGRAMS for d in DTYPES if (p, d) != ("research", "float32")]
CHECKPOINTS = {"cifar": "ckpt.pth", "dcgan": "d", "digits": "digits.pt"}


def differences(got, want, dtype, where=""):
    """The places at which two results of `numbers` differ."""
    if isinstance(want, dict) and isinstance(got, dict) and list(got) == list(want):
        return [d for k in want for d in differences(got[k], want[k], dtype, f"{where}.{k}")]
    if isinstance(want, (list, tuple)) and len(got) == len(want):
        pairs = enumerate(zip(got, want, strict=True))
        return [d for i, (g, w) in pairs for d in differences(g, w, dtype, f"{where}[{i}]")]
    if isinstance(want, float):
        rel, floor = (1e-8, 1e-9) if dtype == "float64" else (1e-4, 1e-5)
        if dtype == "float32" and "loss" not in where:  # sums of many weights after many steps
            rel, floor = 1e-3, 1e-4
        return [] if got == pytest.approx(want, rel=rel, abs=floor) else [(where, got, want)]
    return [] if got == want else [(where, got, want)]


@pytest.mark.parametrize("program, dtype", RUNS)
def test_a_program_with_its_imports_changed_gives_pytorchs_numbers(program, dtype, tmp_path):
    got = run(program, OURS, dtype, tmp_path)
    assert differences(got, RECORDED[f"{program} {dtype}"], dtype) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_recorded_numbers_are_those_of_the_program_as_it_stands(program, tmp_path):
    pytest.importorskip("torch")
    got = run(program, THEIRS, "float64", tmp_path)
    assert differences(json.loads(json.dumps(got)), RECORDED[f"{program} float64"], "float64") == []


@pytest.mark.parametrize("program", CHECKPOINTS)
@pytest.mark.parametrize("writer, reader", [(OURS, THEIRS), (THEIRS, OURS)])
def test_a_checkpoint_of_one_framework_is_read_by_the_other(writer, reader, program, tmp_path):
    pytest.importorskip("torch")
    run(program, writer, "float64", tmp_path)
    path = str(tmp_path / CHECKPOINTS[program])
    written, read = (
        importlib.import_module(framework).load(path, map_location="cpu", weights_only=True)
        for framework in (writer, reader)
    )
    assert differences(numbers(read), numbers(written), "float64") == []


@pytest.mark.parametrize("writer, reader", [(OURS, THEIRS), (THEIRS, OURS)])
def test_a_run_is_resumed_from_the_checkpoint_of_the_other_framework(writer, reader, tmp_path):
    pytest.importorskip("torch")
    want = run("cifar", writer, "float64", tmp_path)["resumed"]
    got = run("cifar", reader, "float64", tmp_path, function="resume")
    assert differences(got, want, "float64") == []


@pytest.mark.parametrize(
    "line, changed",
    [
        ("import torch", "import minitorch_cnn as torch"),
        ("    import torch.nn as nn", "    import minitorch_cnn.nn as nn"),
        ("from torch import nn, optim", "from minitorch_cnn import nn, optim"),
        ("from torch.utils import data", "from minitorch_cnn.utils import data"),
        ("import torch.optim", "import minitorch_cnn.optim; import minitorch_cnn as torch"),
        ("import torchvision", "import torchvision"),
        ("x = torch.zeros(2)", "x = torch.zeros(2)"),
    ],
)
def test_nothing_but_imports_of_torch_is_changed(line, changed):
    assert with_imports_changed(line) == changed
