"""Every public name of the parts below says its types and, in the first line of its docstring, what
it is: editors and type checkers show both where the name is used.
"""

import ast
import importlib
import inspect
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minitorch_cnn.second_names import METHODS
from tests.interpreter import ROOT

PARTS = (
    "",
    "autograd",
    "autograd.functional",
    "cuda",
    "functional",
    "nn",
    "nn.init",
    "nn.utils",
    "optim",
    "optim.lr_scheduler",
    "optim.swa_utils",
    "data",
    "data.datasets",
    "data.transforms",
    "models",
    "training",
    "analysis",
    "nas",
    "interop",
    "utils.pictures",
    "utils.checkpoint",
)
OURS = "minitorch_cnn"


def public(part: str) -> Iterator[tuple[str, Any]]:
    """The functions and classes of a part by their names."""
    module = importlib.import_module(f"{OURS}.{part}".rstrip("."))
    for name in module.__all__ if hasattr(module, "__all__") else dir(module):
        value = getattr(module, name)
        ours = (getattr(value, "__module__", None) or "").startswith(OURS)
        if ours and not name.startswith("_") and callable(value):
            yield name, value


def callables(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A function itself; the methods and properties of a class, inherited ones of ours too."""
    if not isinstance(value, type):
        yield name, value
        return
    for cls in value.__mro__:
        if not cls.__module__.startswith(OURS):
            continue
        for member, found in vars(cls).items():
            fn = (
                found.fget
                if isinstance(found, property)
                else inspect.unwrap(getattr(found, "__func__", found))
            )
            if inspect.isfunction(fn) and (member == "__init__" or not member.startswith("_")):
                yield f"{name}.{member}", fn


def untyped(fn: Any) -> list[str]:
    """The parameters of a function, and "return", that have no annotation."""
    signature = inspect.signature(fn)
    names = [
        name
        for i, (name, parameter) in enumerate(signature.parameters.items())
        if parameter.annotation is parameter.empty
        and not (i == 0 and name in ("self", "cls", "ctx"))
    ]
    if signature.return_annotation is signature.empty and fn.__name__ != "__init__":
        names.append("return")
    return names


@pytest.mark.parametrize("part", PARTS)
def test_every_parameter_and_result_of_a_public_function_or_method_has_a_type(part):
    missing = {
        where: names
        for name, value in public(part)
        for where, fn in callables(name, value)
        if (names := untyped(fn))
    }
    assert missing == {}


@pytest.mark.parametrize("part", PARTS)
def test_every_public_name_and_method_says_what_it_is(part):
    silent = [name for name, value in public(part) if not (inspect.getdoc(value) or "").strip()]
    silent += [
        f"{name}.{member}"
        for name, value in public(part)
        if isinstance(value, type)
        for member in dir(value)
        if not member.startswith("_")
        and callable(getattr(value, member))
        and (getattr(getattr(value, member), "__module__", None) or "").startswith(OURS)
        and not (inspect.getdoc(getattr(value, member)) or "").strip()
    ]
    assert sorted(silent) == []


# A net as users write one. The last lines have a mistake each.
PROGRAM = """
from collections.abc import Iterator
from typing_extensions import assert_type

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, Dataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.pool = nn.MaxPool2d(2)
        self.body = nn.Sequential(nn.BatchNorm2d(8), nn.ReLU())
        self.layers = nn.ModuleList([nn.Linear(8, 8)])

    def forward(self, x: mt.Tensor, scale: float = 1.0) -> mt.Tensor:
        x = self.body(self.pool(self.conv(x))).mean((2, 3)) * scale
        for layer in self.layers:
            x = layer(x)
        return x


class Samples(Dataset[tuple[mt.Tensor, int]]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[mt.Tensor, int]:
        return mt.zeros(3, 8, 8), index


net = Net().train().to("cpu")
x = mt.randn(1, 3, 8, 8)
assert_type(net, Net)
assert_type(net(x, scale=2.0), mt.Tensor)
assert_type(net.conv(x), mt.Tensor)
assert_type(net.body(x), mt.Tensor)
assert_type(net.pool(x), mt.Tensor)
assert_type(nn.LSTM(3, 4)(x), tuple[mt.Tensor, tuple[mt.Tensor, mt.Tensor]])
assert_type(nn.CrossEntropyLoss()(x, x), mt.Tensor)
assert_type(net.conv.weight, nn.Parameter)
assert_type(net.conv.bias, nn.Parameter | None)
assert_type(net.state_dict(), dict[str, mt.Tensor])
assert_type(net.parameters(), Iterator[nn.Parameter])
net.added_later(x)
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
schedule = optim.lr_scheduler.StepLR(optimizer, 3)
for images, labels in DataLoader(Samples(), batch_size=2, shuffle=True):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(images), labels).backward()
    optimizer.step()
schedule.step()
assert_type(schedule.get_last_lr(), list[float])
nn.init.kaiming_normal_(net.conv.weight, mode="fan_out", nonlinearity="relu")

net(x, 1, 2)
net(3)
nn.Conv2d(3, 8, 3, padding_mode="mirror")
nn.MSELoss("average")
"""

# Tensors, functions and derivatives. The last lines have a mistake each.
TENSORS = """
from typing import Any
from typing_extensions import assert_type

import numpy as np

import minitorch_cnn as mt
import minitorch_cnn.functional as F
from minitorch_cnn.tensor.reduction import ValuesAndIndices

x, y = mt.zeros(3), mt.tensor([[1.0, 2.0]], requires_grad=True)
assert_type(x, mt.Tensor)
assert_type(mt.stack([x, x], dim=0), mt.Tensor)
assert_type(x.sum(), mt.Tensor)
assert_type(x + y, mt.Tensor)
assert_type(y - 1, mt.Tensor)
assert_type(1 - y, mt.Tensor)
assert_type(np.float32(2) * 1.0 * y, mt.Tensor)
assert_type(x @ y, mt.Tensor)
assert_type(-x, mt.Tensor)
assert_type(x == y, mt.Tensor)
assert_type(x[0, ..., None], mt.Tensor)
assert_type(x.T, mt.Tensor)
assert_type(x.view(3, 1).transpose(0, 1).contiguous(), mt.Tensor)
assert_type(x.to("cpu", mt.float64).float(), mt.Tensor)
assert_type(x.add_(1).clamp_(0, 1).exp_(), mt.Tensor)
assert_type(x.absolute(), mt.Tensor)
assert_type(x.eq(3).logical_not(), mt.Tensor)
assert_type(x.size(), mt.Size)
assert_type(x.size(0), int)
assert_type(x.shape, tuple[int, ...])
assert_type(x.grad, mt.Tensor | None)
assert_type(x.item(), Any)
assert_type(x.max(), mt.Tensor)
assert_type(x.max(1), ValuesAndIndices)
assert_type(mt.max(x, 1).values, mt.Tensor)
assert_type(x.topk(2).indices, mt.Tensor)
assert_type(x.nonzero(), mt.Tensor)
assert_type(x.nonzero(as_tuple=True), tuple[mt.Tensor, ...])
assert_type(x.split(2), tuple[mt.Tensor, ...])
assert_type(mt.where(x > 0, x, 0.0), mt.Tensor)
assert_type(mt.unique(x), mt.Tensor)
assert_type(mt.concatenate([x, x]), mt.Tensor)
assert_type(mt.grad(y.sum(), y), tuple[mt.Tensor, ...])
assert_type(F.relu(x), mt.Tensor)
assert_type(F.conv2d(x, x, stride=(1, 2), padding="same"), mt.Tensor)
assert_type(F.max_pool2d(x, 2), mt.Tensor)
assert_type(F.max_pool2d(x, 2, return_indices=True), tuple[mt.Tensor, mt.Tensor])
assert_type(F.cross_entropy(x, x, reduction="none"), mt.Tensor)
assert_type(mt.conv2d(x, x), mt.Tensor)
assert_type(mt.FloatTensor(3), mt.Tensor)
assert_type(mt.nn.ReLU()(x), mt.Tensor)
mt.kernels.conv2d.conv2d_forward
mt.save({"x": x}, "x.pth")


@mt.no_grad()
def halved(x: mt.Tensor) -> mt.Tensor:
    return x / 2


class Cube(mt.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.power = 3
        return x**ctx.power

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gy


assert_type(halved(x), mt.Tensor)
with mt.no_grad(), mt.enable_grad():
    x += 1
    Cube.apply(x).backward()
assert_type(x, mt.Tensor)
for row in y:
    assert_type(row, mt.Tensor)
y.grad = None
y[0] = x > 3

mt.zeroes(3)
x.summ()
F.cross_entropy(x, x, reduction="average")
x.grad.zero_()
"""


def findings(program: str, folder: Path, python: str, **settings: Any) -> list[dict[str, Any]]:
    """What Pyright finds in a program, in the environment of an interpreter."""
    pytest.importorskip("pyright")
    (folder / "program.py").write_text(program)
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", python]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return json.loads(found.stdout)["generalDiagnostics"]


@pytest.mark.slow
@pytest.mark.parametrize("program", [PROGRAM, TENSORS], ids=["a net", "tensors"])
def test_a_checker_knows_what_a_program_computes_and_finds_its_mistakes(program, tmp_path):
    errors = findings(program, tmp_path, sys.executable, extraPaths=[str(ROOT)])
    lines = [program.splitlines()[error["range"]["start"]["line"]] for error in errors]
    assert lines == program.splitlines()[-4:]


@pytest.mark.slow
def test_a_checker_finds_every_public_name_in_an_installed_package(tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    site = next(tmp_path.glob("venv/lib/**/site-packages"))
    shutil.copytree(ROOT / OURS, site / OURS, ignore=shutil.ignore_patterns("__pycache__"))
    (site / "numpy").symlink_to(Path(np.__file__).parent)
    names = [
        f"mt.{part}.{name}".replace("..", ".")
        for part in PARTS
        for name, value in public(part)
        if part != "nn.init" or value.__module__ == f"{OURS}.nn.init"  # which has no __all__
    ]
    imports = ["import minitorch_cnn as mt", *(f"import {OURS}.{part}" for part in PARTS if part)]
    program = "\n".join(imports + names)
    python = next((tmp_path / "venv").glob("*/python"))
    errors = findings(program, tmp_path, str(python), reportUnusedExpression="none")
    assert [error["message"] for error in errors] == []


def test_what_checkers_read_of_names_loaded_on_demand_is_what_there_is():
    import minitorch_cnn as mt
    from minitorch_cnn import second_places

    names = {*mt.SECOND_PLACES, *mt._FUNCTIONS_ON_DEMAND}
    assert set(second_places.__all__) == names
    assert [name for name in names if getattr(second_places, name) is not getattr(mt, name)] == []
    source = (ROOT / OURS / "__init__.py").read_text(encoding="utf-8")
    (block,) = (
        node for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "_typing.TYPE_CHECKING"
    )  # fmt: skip
    packages, *names = block.body
    assert {alias.name for alias in packages.names} == set(mt._ON_DEMAND)
    whole = {line.module for line in names if line.names[0].name == "*"}
    assert whole == {"random", "second_places", "tensor"}
    read = {
        alias.name: f".{line.module}"
        for line in names
        for alias in line.names
        if line.module not in whole
    }
    assert read == mt._WITH_TENSORS


def test_what_checkers_read_of_analyses_loaded_on_demand_is_what_there_is():
    import minitorch_cnn as mt

    source = (ROOT / OURS / "analysis" / "__init__.py").read_text(encoding="utf-8")
    (block,) = (node for node in ast.parse(source).body if isinstance(node, ast.If))
    read = {alias.name: line.module for line in block.body for alias in line.names}
    assert read == mt.analysis._MODULE_OF


def test_completion_offers_every_public_name():
    import minitorch_cnn as mt

    offered = set(dir(mt))
    assert {*importlib.import_module(f"{OURS}.tensor").__all__, *mt.SECOND_PLACES} <= offered
    assert {"nn", "optim", "no_grad", "Generator", "save"} <= offered
    assert {*METHODS, "sum", "T", "grad", "add_"} <= set(dir(mt.Tensor))
