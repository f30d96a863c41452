"""Nets in files: how a file is found and run, and what it takes along."""

import copy
import json
import os
import pickle
import sys

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, model_entry
from minitorch_cnn.models.net_file import NetFileError, NetSource, find_net, is_net_file

NET = """
from minitorch_cnn import nn
from {beside} import WIDTH
class Net(nn.Linear):
    def __init__(self, bias=True):
        super().__init__(2, WIDTH, bias)
made = Net()
"""


def write(folder, beside="beside_a", width=3):
    folder.mkdir(exist_ok=True)
    (folder / "net.py").write_text(NET.format(beside=beside))
    (folder / f"{beside}.py").write_text(f"WIDTH = {width}\n")
    return f"{folder / 'net.py'}:Net"


@pytest.mark.parametrize(
    "text, known",
    [
        ("net.py:Net", True),
        ("a/net.PY:Net", True),
        (r"C:\nets\net.py:Net", True),
        (r"C:\nets\net.py", True),
        ("net.py:", True),
        ("lenet5", False),
        ("runs/a", False),
        ("net.pyc:Net", False),
        ("a.py/run", False),
    ],
)
def test_a_file_of_a_net_is_known_by_its_ending(text, known):
    assert is_net_file(text) == known


@pytest.mark.skipif(os.name == "nt", reason="a colon is no letter of a file's name there")
def test_the_name_is_parted_from_the_file_at_the_last_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / r"C:\x.py").write_text("from minitorch_cnn.nn import ReLU as Net\n")
    assert isinstance(create_model(r"C:\x.py:Net"), mt.nn.ReLU)
    with pytest.raises(NetFileError, match=r"C:\\x\.py needs a name"):
        create_model(r"C:\x.py")


def test_nets_of_a_file_are_copied_and_pickled(tmp_path):
    net = create_model(write(tmp_path), bias=False)
    assert net.bias is None
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert type(again) is type(net)
        np.testing.assert_array_equal(again.weight.detach().numpy(), net.weight.detach().numpy())


def test_files_beside_of_the_same_name_are_each_its_own(tmp_path):
    first, second = (write(tmp_path / name, width=w) for name, w in (("a", 3), ("b", 4)))
    path = list(sys.path)
    widths = [create_model(text).weight.shape[0] for text in (first, second, first)]
    assert widths == [3, 4, 3] and sys.path == path
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_changed_file_is_run_again_and_an_unchanged_one_is_not(tmp_path):
    text = write(tmp_path)
    first = find_net(text)
    assert find_net(text).target is first.target
    (tmp_path / "beside_a.py").write_text("WIDTH = 5\n")
    assert create_model(text).weight.shape == (5, 2)
    assert find_net(text).source() != first.source()


def test_a_net_that_is_made_already_is_drawn_from_the_seed_of_now(tmp_path):
    text = write(tmp_path).replace(":Net", ":made")
    weights = []
    for seed in (1, 2, 1):
        mt.manual_seed(seed)
        weights.append(create_model(text).weight.detach().numpy().copy())
    np.testing.assert_array_equal(weights[0], weights[2])
    assert (weights[0] != weights[1]).all()
    assert not model_entry(text).takes("num_classes")


def test_packages_and_what_they_import_are_taken_along(tmp_path):
    (tmp_path / "parts_b" / "inner").mkdir(parents=True)
    (tmp_path / "parts_b" / "__init__.py").write_text("from .inner.conv import WIDTH\n")
    (tmp_path / "parts_b" / "inner" / "conv.py").write_text("import sizes_b\nWIDTH = sizes_b.W\n")
    (tmp_path / "sizes_b.py").write_text("W = 6\n")
    (tmp_path / "unused_b.py").write_text("1 / 0\n")
    (tmp_path / "json.py").write_text("1 / 0\n")  # the standard library's is meant
    (tmp_path / "net.py").write_text(NET.format(beside="parts_b") + "import json, numpy\n")
    file = find_net(f"{tmp_path / 'net.py'}:Net")
    assert sorted(file.sources) == [
        "model.py",
        "modules/parts_b/__init__.py",
        "modules/parts_b/inner/conv.py",
        "modules/sizes_b.py",
    ]
    kept = tmp_path / "run"
    for place, source in file.sources.items():
        (kept / place).parent.mkdir(parents=True, exist_ok=True)
        (kept / place).write_bytes(source)
    described = json.loads(json.dumps(file.source().described()))
    (tmp_path / "sizes_b.py").unlink()
    again = NetSource(**described, kept_in=kept).find()
    assert again.build({}).weight.shape == (6, 2)


def test_errors_in_making_a_net_are_told_with_their_line(tmp_path):
    (tmp_path / "net.py").write_text("def net(width=1):\n    return {}[width]\n")
    with pytest.raises(NetFileError, match=r"net\.py:net cannot be made: net\.py, line 2: KeyErr"):
        create_model(f"{tmp_path / 'net.py'}:net")
