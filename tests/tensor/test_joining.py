"""Joining and cutting: shapes, empties and refusals, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

CALLS = {
    "cat": lambda m, x: m.cat([x, x[:1]], 0),
    "cat, last": lambda m, x: m.cat((x, x[:, :2]), dim=-1),
    "cat, unequal": lambda m, x: m.cat([x, x[:, :2]], 0),
    "cat, axes": lambda m, x: m.cat([x, x[0]], 0),
    "cat, none": lambda m, x: m.cat([]),
    "cat, numbers": lambda m, x: m.cat([m.tensor(1.0), m.tensor(2.0)]),
    "cat, outside": lambda m, x: m.cat([x], 2),
    "cat, legacy empty": lambda m, x: m.cat([m.zeros(0), x], 0),
    "cat, empty rows": lambda m, x: m.cat([x[:0], x], 0),
    "cat, integers": lambda m, x: m.cat([m.ones(1, dtype=m.uint8), m.ones(1, dtype=m.int8)]),
    "cat, mixed": lambda m, x: m.cat([x, m.ones(1, 5, dtype=m.float64)]),
    "stack": lambda m, x: m.stack([x, x + 1], 1),
    "stack, last": lambda m, x: m.stack([x, x + 1], -1),
    "stack, unequal": lambda m, x: m.stack([x, x[:1]]),
    "stack, none": lambda m, x: m.stack([]),
    "stack, outside": lambda m, x: m.stack([x], 3),
    "repeat": lambda m, x: x.repeat(2, 1, 3),
    "repeat, none": lambda m, x: x.repeat(0, 2),
    "repeat, too few": lambda m, x: x.repeat(2),
    "split": lambda m, x: m.split(x, 2, 1),
    "split, sections": lambda m, x: x.split([1, 0, 4], -1),
    "split, wrong sum": lambda m, x: x.split([1, 1], 1),
    "split, 0": lambda m, x: x.split(0, 1),
    "split, negative": lambda m, x: x.split(-1, 1),
    "split, empty": lambda m, x: x[:0].split(2),
    "chunk": lambda m, x: x.chunk(3, 1),
    "chunk, many": lambda m, x: x.chunk(9, 1),
    "chunk, 0": lambda m, x: x.chunk(0),
    "chunk, empty": lambda m, x: x[:0].chunk(2),
    "narrow": lambda m, x: m.narrow(x, 1, 1, 3),
    "narrow, from the end": lambda m, x: x.narrow(1, -2, 2),
    "narrow, too long": lambda m, x: x.narrow(1, 3, 3),
    "narrow, negative": lambda m, x: x.narrow(1, 1, -1),
    "unbind": lambda m, x: m.unbind(x, 1),
    "unbind, number": lambda m, x: m.tensor(1.0).unbind(),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_refusals(name, torch):
    compare(torch, CALLS[name], np.arange(10, dtype=np.float32).reshape(2, 5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mt.cat([x, x[0]]), r"^cat: tensors\[1\] has shape \(5,\)"),
        (
            lambda x: mt.stack([x, x[0]]),
            r"^stack: tensors\[1\] has shape \(5,\), the first has \(2, 5\)",
        ),
        (lambda x: x.split([1, 1], 1), r"^split: sections \[1, 1\] must add up to the size 5"),
        (lambda x: x.chunk(0), "^chunk: chunks=0 must be at least 1"),
        (lambda x: x.narrow(1, 3, 3), "^narrow: start=3, length=3 exceed the size 5 of axis 1"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(mt.zeros(2, 5))
