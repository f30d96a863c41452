"""PyTorch's names: those that public files use resolve here, and second places are the same thing.

tests/programs/names.txt lists the names; docs/pytorch_missing.csv those that are missing, and why.
"""

import csv
import importlib

import pytest

import minitorch_cnn as mt
import minitorch_cnn.nn.functional as F
from minitorch_cnn.tensor.methods import Methods
from tests.interpreter import ROOT

TENSOR_FUNCTIONS = importlib.import_module("minitorch_cnn.tensor").__all__

# The packages of PyTorch's world and ours, the longer names first.
PLACES = {
    "torchvision.transforms": "minitorch_cnn.data.transforms",
    "torchvision.datasets": "minitorch_cnn.data.datasets",
    "torchvision.models": "minitorch_cnn.models",
    "torchvision.utils": "minitorch_cnn.utils",
    "torchvision": "minitorch_cnn",
    "torch": "minitorch_cnn",
}


def names() -> list[str]:
    """The dotted names of names.txt, each once."""
    text = (ROOT / "tests" / "programs" / "names.txt").read_text(encoding="utf-8")
    found, place = {}, None
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            place, line = line.split(":")
        found.update((f"{place}.{name}", None) for name in line.split())
    return list(found)


def missing() -> dict[str, str]:
    """Names that PyTorch has and this package has not, with the reason."""
    with open(ROOT / "docs" / "pytorch_missing.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}


def resolved(name: str):
    """What a dotted name means, its modules imported; AttributeError where it means nothing."""
    first, *rest = name.split(".")
    here, path = importlib.import_module(first), first
    for part in rest:
        path = f"{path}.{part}"
        if not hasattr(here, part):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                raise AttributeError(f"{path} does not exist") from None
        here = getattr(here, part)
    return here


def ours(name: str) -> str:
    """The place of PyTorch's `name` in this package."""
    place = next(p for p in PLACES if name == p or name.startswith(f"{p}."))
    return PLACES[place] + name[len(place) :]


def exists(name: str) -> bool:
    """Whether PyTorch's `name` means something here; of a model, what can be called."""
    try:
        found = resolved(ours(name))
    except AttributeError:
        return False
    return callable(found) or not name.startswith("torchvision.models.")


def test_what_public_files_use_is_here_or_in_the_table_of_what_is_missing():
    absent = {name for name in names() if not exists(name)}
    assert sorted(absent - set(missing())) == []


def test_what_the_table_says_is_missing_is_missing_and_used():
    table = missing()
    assert [name for name in table if exists(name)] == []
    assert sorted(set(table) - set(names())) == []
    assert list(table) == sorted(table) and all(table.values())


def test_the_names_are_pytorchs():
    pytest.importorskip("torch")
    of_objects = ("torch.optim.Optimizer.param_groups", "torch.optim.Optimizer.state")
    optional = ("torch.utils.tensorboard", "torchvision", *of_objects)
    wrong = []
    for name in names():
        if not name.startswith(optional):
            try:
                resolved(name)
            except AttributeError:
                wrong.append(name)
    assert wrong == []


# PyTorch's second places for modules and for names of modules, and the first ones.
SAME = [
    ("nn.functional", "functional"),
    ("nn.parameter.Parameter", "nn.Parameter"),
    ("nn.modules.Module", "nn.Module"),
    ("nn.modules.module.Module", "nn.Module"),
    ("nn.modules.conv.Conv2d", "nn.Conv2d"),
    ("nn.modules.batchnorm.BatchNorm2d", "nn.BatchNorm2d"),
    ("nn.modules.loss.CrossEntropyLoss", "nn.CrossEntropyLoss"),
    ("nn.parallel.DataParallel", "nn.DataParallel"),
    ("utils.data.DataLoader", "data.DataLoader"),
    ("utils.data.dataloader.DataLoader", "data.DataLoader"),
    ("utils.data.dataset.Dataset", "data.Dataset"),
    ("utils.data.sampler.Sampler", "data.Sampler"),
    ("utils.checkpoint.checkpoint", "checkpoint"),
    ("autograd.checkpoint", "checkpoint"),
    ("autograd.no_grad", "no_grad"),
    ("autograd.enable_grad", "enable_grad"),
    ("autograd.set_grad_enabled", "set_grad_enabled"),
    ("autograd.inference_mode", "inference_mode"),
    ("autograd.grad", "grad"),
    ("autograd.gradcheck", "gradcheck"),
    ("autograd.gradgradcheck", "gradgradcheck"),
    ("autograd.function.Function", "autograd.Function"),
    ("cuda.is_available", "cuda.is_available"),
]


@pytest.mark.parametrize("second, first", SAME)
def test_a_second_place_leads_to_the_same_object(second, first):
    assert resolved(f"minitorch_cnn.{second}") is resolved(f"minitorch_cnn.{first}")


def test_what_mt_and_functional_both_have_is_the_same_function():
    both = [name for name in F.__all__ if hasattr(mt, name)]
    assert {"relu", "sigmoid", "softmax", "conv2d", "pad"} <= set(both)
    wrong = [name for name in both if getattr(mt, name) is not getattr(F, name)]
    assert wrong == ["relu"]  # F's has PyTorch's argument inplace
    x = mt.tensor([-1.0, 2.0])
    assert mt.relu(x).equal(F.relu(x)) and x.relu().equal(F.relu(x, inplace=True))


# Methods that are no functions of mt of the same name and arguments, or part of them.
OTHER_METHODS = {"where"}  # x.where(condition, other) is mt.where(condition, x, other)


def test_what_is_a_function_and_a_method_is_the_same_function():
    both = [name for name in TENSOR_FUNCTIONS if name in vars(Methods)]
    assert {"add", "sum", "clamp", "matmul", "reshape"} <= set(both)
    wrong = [n for n in both if vars(Methods)[n] is not getattr(mt, n)]
    assert sorted(wrong) == sorted(OTHER_METHODS)


def test_no_place_has_two_names_for_a_thing_but_where_pytorch_has_both():
    torch = pytest.importorskip("torch")
    places = {
        "": (mt, torch),
        "nn": (mt.nn, torch.nn),
        "nn.functional": (F, torch.nn.functional),
        "nn.init": (mt.nn.init, torch.nn.init),
        "optim": (mt.optim, torch.optim),
        "utils.data": (mt.utils.data, torch.utils.data),
        "Tensor": (mt.Tensor, torch.Tensor),
    }
    wrong = []
    for place, (here, there) in places.items():
        first = {}
        for name in sorted(dir(here)):
            thing = getattr(here, name)
            if name.startswith("_") or not callable(thing):
                continue
            other = first.setdefault(id(thing), name)
            if other != name and not (hasattr(there, name) and hasattr(there, other)):
                wrong.append(f"{place}.{name} is {other}")
    assert wrong == []
