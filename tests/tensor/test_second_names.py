"""PyTorch's second names are the same functions as the first."""

import importlib

import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor.second_names import FUNCTIONS, METHODS


@pytest.mark.parametrize("second, first", {**METHODS, **FUNCTIONS}.items())
def test_a_second_name_is_the_same_function(second, first, torch):
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
