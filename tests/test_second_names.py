"""PyTorch's second names are the same functions as the first."""

import ast
import importlib

import pytest

import minitorch_cnn as mt
from minitorch_cnn.second_names import FUNCTIONS, METHODS
from tests.interpreter import ROOT


@pytest.mark.parametrize("second, first", {**METHODS, **FUNCTIONS}.items())
def test_a_second_name_is_the_same_function(second, first):
    torch = pytest.importorskip("torch")
    assert getattr(mt, second) is getattr(mt, first)
    assert hasattr(torch, second)
    if second in METHODS:
        assert getattr(mt.Tensor, second) is getattr(mt.Tensor, first)
        assert hasattr(torch.Tensor, second)


@pytest.mark.parametrize("name", mt.SECOND_PLACES)
def test_a_second_place_has_what_the_first_has(name):
    module, first = mt.SECOND_PLACES[name]
    where = importlib.import_module(module, mt.__name__)
    assert getattr(mt, name) is getattr(where, first) and name in dir(mt)


def test_dtypes_have_pytorchs_short_names():
    short = mt.float, mt.double, mt.half, mt.long, mt.int, mt.short, mt.bool
    assert [str(dtype) for dtype in short] == [
        "float32", "float64", "float16", "int64", "int32", "int16", "bool",
    ]  # fmt: skip
    assert all(isinstance(dtype, mt.dtype) for dtype in short)
    assert mt.zeros(2, dtype=mt.long).dtype == mt.int64
    assert (mt.inf, mt.pi) == (float("inf"), 3.141592653589793) and mt.nan != mt.nan


def test_type_checkers_read_the_same_names():
    source = (ROOT / "minitorch_cnn" / "second_places.py").read_text(encoding="utf-8")
    imports = [n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom)]
    listed = {alias.asname or alias.name for n in imports for alias in n.names}
    assert listed == {*mt.SECOND_PLACES, *mt._FUNCTIONS_ON_DEMAND}
