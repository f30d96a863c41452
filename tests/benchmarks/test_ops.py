"""The benchmark of operations compares equal operations, and reports the requested ones."""

import argparse
import json

import numpy as np
import pytest

import minitorch_cnn as mt
from benchmarks import arguments, competitors, ops

SMALL = [
    op if "cross" in op.name or op.name[0] == " " else op._replace(shape=(*op.shape[:2], 9, 8))
    for op in dict((op.name, op) for op in reversed(ops.OPS)).values()
]


@pytest.fixture(autouse=True)
def threads_as_before():
    before = mt.get_num_threads()
    yield
    mt.set_num_threads(before)


@pytest.mark.parametrize("op", SMALL, ids=lambda op: op.name.strip())
def test_both_libraries_compute_the_same(op):
    torch = pytest.importorskip("torch")
    ours, theirs = ops.directions(op, mt), ops.directions(op, torch)
    results = [[fns["forward"](), *fns["backward"]()] for fns in (ours, theirs)]
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got.detach(), want.detach().numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("update", ops.UPDATES[:-1], ids=lambda update: update.name.strip())
def test_both_optimizers_take_the_same_step(update):
    torch = pytest.importorskip("torch")
    stepped = []
    for lib in (mt, torch):

        def keep(lib, params):
            stepped.append(params)
            return update.make(lib, params)

        take = ops.step(update._replace(model="lenet5_relu", make=keep), lib)
        take()
        take()
    for p, q in zip(*stepped, strict=True):
        np.testing.assert_allclose(p.detach(), q.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_report_has_a_row_for_each_direction_of_what_was_named(tmp_path, capsys):
    file = tmp_path / "ops.json"
    ops.main(["cross entropy", "Adam", "--repeats", "2", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [(row["op"], row["of"], row["direction"]) for row in rows] == [
        ("cross entropy", "64x10", "forward"),
        ("cross entropy", "64x10", "backward"),
        ("cross entropy", "256x1000", "forward"),
        ("cross entropy", "256x1000", "backward"),
        ("Adam", "resnet50", "step"),
        ("Adam", "resnet20_cifar", "step"),
    ]
    assert all(row["ms"]["ours"] > 0 and row["ratio"] == {} for row in rows)
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)


def test_beside_torch_there_are_ratios_to_the_faster_format(tmp_path, capsys):
    pytest.importorskip("torch")
    file = tmp_path / "ops.json"
    words = ["max pool 2", "cross entropy", "--vs", "torch", "--repeats", "1", "--threads", "1"]
    small = {"max pool 2": (2, 3, 8, 8), "cross entropy": (64, 10)}
    rows = [op._replace(shape=small[op.name]) for op in ops.OPS if op.name in small]
    ops.run(parsed([*words, "--json", str(file)]), [rows[0], rows[2]])
    images, _, entropy, _ = json.loads(file.read_text())["rows"]
    assert list(images["ms"]) == ["ours", "torch", "torch nhwc"]
    assert list(entropy["ms"]) == ["ours", "torch"]  # an array without channels has one format
    text = capsys.readouterr().out
    assert "all                      geometric mean" in text and text.count(", 2 rows") == 2


def parsed(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.set_defaults(budget=0.1)
    arguments.add_arguments(parser, 1)
    return arguments.parse(parser, words)


def test_activations_behind_a_batch_norm_are_in_place():
    torch = pytest.importorskip("torch")
    op = next(op for op in ops.OPS if op.name == "batch norm, relu")
    assert op.make(torch)[1].inplace


def test_threads_are_set_everywhere():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        assert competitors.use_threads(1, ["torch"]) == 1
        assert mt.get_num_threads() == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_an_unknown_op_is_refused(capsys):
    with pytest.raises(SystemExit):
        ops.main(["rule"])
    assert "NAME 'rule' must be one of batch norm, " in capsys.readouterr().err
