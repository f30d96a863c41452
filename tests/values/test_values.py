"""Every public function, against NumPy: in each float format and memory layout, empty and 0-d.

The tables stand beside this file: one for `mt`, one for `mt.nn.functional`.
"""

import contextlib
import importlib
import itertools

import numpy as np
import pytest

from minitorch_cnn.tensor import Tensor
from tests.tensor.layouts import LAYOUTS

from .functional import FUNCTIONAL
from .functional import WITHOUT_VALUES as FUNCTIONS_WITHOUT_VALUES
from .tensor import TENSOR, WITHOUT_VALUES

# Largest difference, as a share of the largest number: a few units in the last place.
TOLERANCE = {np.float16: 2e-3, np.float32: 4e-6, np.float64: 1e-12}
with contextlib.suppress(ImportError):
    from ml_dtypes import bfloat16

    TOLERANCE[bfloat16] = 1.6e-2
NARROW = [dtype for dtype in TOLERANCE if dtype is not np.float64]


def grouped(cases):
    table = {}
    for case in cases:
        table.setdefault(case.name, []).append(case)
    return table


TABLES = {"tensor": grouped(TENSOR), "functional": grouped(FUNCTIONAL)}
NAMES = [(package, name) for package, table in TABLES.items() for name in sorted(table)]


def as_tuple(result):
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def assert_value(found, expected, dtype, what):
    """The same shape and numbers; a float result has the inputs' format."""
    expected = np.asarray(expected)
    assert isinstance(found, Tensor) and found.shape == expected.shape, what
    if expected.dtype.kind != "f":
        assert found.dtype == expected.dtype and np.array_equal(found.array, expected), what
        return
    assert found.dtype == dtype, what
    scale = max(1.0, np.abs(expected).max(initial=0))
    difference = np.abs(found.array.astype(np.float64) - expected).max(initial=0)
    assert difference <= TOLERANCE[dtype] * scale, (what, found.array, expected)


def rounded(case, dtype):
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.arrays]


# Each format as it is, and each in a layout of its own.
KINDS = [
    *[(dtype, np.array) for dtype in TOLERANCE],
    *zip(TOLERANCE, itertools.cycle(LAYOUTS.values()), strict=False),
]


@pytest.mark.parametrize("package, name", NAMES)
def test_values_are_numpys_in_each_format_and_layout(package, name):
    for i, case in enumerate(TABLES[package][name]):
        for dtype, laid in KINDS:
            arrays = rounded(case, dtype)
            wide = [a.astype(float) if a.dtype.kind in "fV" else a for a in arrays]
            expected = as_tuple(case.reference(*wide))
            given = [Tensor(laid(a)) for a in arrays]
            found = as_tuple(case.call(*given))
            what = (name, i, dtype.__name__, laid.__name__)
            assert len(found) == len(expected), what
            for y, e in zip(found, expected, strict=True):
                assert_value(y, e, dtype, what)
            for x, a in zip(given, arrays, strict=True):
                assert np.array_equal(x.array, a), (what, "input")


def gradients(case, arrays, dtype):
    """Of a random combination of the results, with respect to each float input."""
    xs = [Tensor(a.copy(), requires_grad=a.dtype.kind in "fV") for a in arrays]
    rng, total = np.random.default_rng(7), 0
    for y in as_tuple(case.call(*xs)):
        if y.requires_grad:
            total = total + (y * Tensor(rng.choice([-2.0, 1.0], y.shape).astype(dtype))).sum()
    if not isinstance(total, Tensor):
        return []
    total.backward()
    return [x.grad for x in xs if x.requires_grad]


@pytest.mark.parametrize(
    "package, name", [key for key in NAMES if any(c.slopes for c in TABLES[key[0]][key[1]])]
)
def test_gradients_of_narrow_formats_are_those_of_float64_rounded(package, name):
    for i, case in enumerate(TABLES[package][name]):
        if not case.slopes:
            continue
        for dtype in NARROW:
            arrays = rounded(case, dtype)
            wide = [a.astype(float) if a.dtype.kind in "fV" else a for a in arrays]
            expected = gradients(case, wide, np.float64)
            found = gradients(case, arrays, dtype)
            assert expected, name
            for g, e in zip(found, expected, strict=True):
                assert (g is None) == (e is None), (name, i)
                if g is not None:
                    assert_value(g, e.array, dtype, (name, i, dtype.__name__, "gradient"))


@pytest.mark.parametrize(
    "package, without",
    [("tensor", WITHOUT_VALUES), ("functional", FUNCTIONS_WITHOUT_VALUES)],
)
def test_no_public_function_is_missing_from_the_tables(package, without):
    public = set(importlib.import_module(f"minitorch_cnn.{package}").__all__)
    assert public - set(TABLES[package]) == without
