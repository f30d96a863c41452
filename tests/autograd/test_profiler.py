"""Operators named for NVIDIA's profilers, by a stand-in for NVTX."""

from types import SimpleNamespace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.autograd import ArrayFunction, Function, engine, usual_calls
from minitorch_cnn.kernels.cuda import nvtx
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.installed import is_installed

emit_nvtx = mt.autograd.profiler.emit_nvtx
F = nn.functional


@pytest.fixture
def said(monkeypatch):
    """What is said to NVTX: names of ranges, and their ends as None."""
    said = []
    library = SimpleNamespace(RangePush=said.append, RangePop=lambda: said.append(None))
    monkeypatch.setattr(nvtx, "library", lambda: library)
    return said


def test_forward_and_backward_of_an_operator_have_its_name_and_one_number(said):
    x, w = mt.ones(2, 3, requires_grad=True), mt.ones(3, 4, requires_grad=True)
    with emit_nvtx():
        y = F.relu(x @ w).sum()
        assert said == ["MatMul, seq = 0", None, "ReLU, seq = 1", None, "Sum, seq = 2", None]
        said.clear()
        y.backward()
    names = [text for text in said if text and "Backward, seq" in text]
    assert names == ["SumBackward, seq = 2", "ReLUBackward, seq = 1", "MatMulBackward, seq = 0"]
    assert said.count(None) == len(said) - said.count(None)
    assert x.grad.tolist() == [[4] * 3] * 2
    # What a backward computes lies in its range: two products, which nothing records.
    assert said[said.index(names[2]) :] == [names[2], "MatMul", None, "MatMul", None, None]


def test_operators_that_are_not_recorded_have_no_number(said):
    x = mt.ones(3)
    with emit_nvtx():
        F.relu(x)
        with mt.no_grad():
            mt.ones(2, requires_grad=True) + 1
    assert said == ["ReLU", None, "Add", None]


def test_the_backward_of_an_operator_from_before_the_block_has_no_number(said):
    x = mt.ones(3, requires_grad=True)
    with emit_nvtx():
        before = x.exp()
    said.clear()
    with emit_nvtx():
        (x.exp() * before.sum()).sum().backward()
    assert "ExpBackward, seq = 0" in said and "ExpBackward" in said


def test_shapes_of_the_inputs_are_told_on_request(said):
    x = mt.ones(2, 3, requires_grad=True)
    with emit_nvtx(record_shapes=True):
        (x * mt.ones(3)).sum().backward()
    assert said[0] == "Mul, seq = 0, sizes = [[2, 3], [3]]"
    assert "MulBackward, seq = 0, sizes = [[2, 3]]" in said
    assert "SumBackward, seq = 1, sizes = [[]]" in said


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return 3 * x * x * gy


class Twice(Function):
    @staticmethod
    def forward(x):
        return x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.factor = 2

    @staticmethod
    def backward(ctx, gy):
        return gy * ctx.factor


@pytest.mark.parametrize("op", [Cube, Twice])
def test_operators_of_users_are_named_in_both_forms(op, said):
    x = mt.ones(2, requires_grad=True)
    with emit_nvtx():
        op.apply(x).sum().backward()
    name = op.__name__
    assert said[0] == f"{name}, seq = 0" and f"{name}Backward, seq = 0" in said
    assert x.grad.tolist() == [3, 3] if op is Cube else x.grad.tolist() == [2, 2]


def test_a_range_ends_where_an_operator_fails(said):
    with emit_nvtx():
        with pytest.raises(TypeError):
            Cube.apply(None)
        x = mt.ones(2, requires_grad=True)
        y = x.exp()
        y.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.sum().backward()
    assert said.count(None) == len(said) / 2 > 2


def functions():
    """All that a block exchanges, by identity."""
    classes, stack = [], [ArrayFunction]
    while stack:
        cls = stack.pop()
        classes.append(cls)
        stack.extend(cls.__subclasses__())
    names = ("forward", "prepared", "setup_context", "compute")
    found = {(cls, name): cls.__dict__.get(name) for cls in classes for name in names}
    return found | {"step": engine._Walk.step, "one": usual_calls.apply_one}


def test_after_a_block_all_is_as_before(said):
    before = functions()
    with pytest.raises(KeyError), emit_nvtx():
        assert functions() != before
        raise KeyError
    assert functions() == before
    x = mt.ones(2, requires_grad=True)
    with emit_nvtx():

        class Own(type(x.exp()._node)):  # which has the function that the block exchanged
            pass

    said.clear()
    Own.apply(x)
    assert said == []


def test_a_disabled_block_and_one_without_cupy(said, monkeypatch):
    with emit_nvtx(enabled=False):
        mt.ones(2) + 1
    assert said == []
    monkeypatch.setattr(nvtx, "library", lambda: None)
    with pytest.raises(RuntimeError, match=r"^emit_nvtx: needs CuPy"), emit_nvtx():
        pass


@pytest.mark.skipif(is_installed("cupy"), reason="there is CuPy")
def test_without_cupy_there_is_no_library():
    assert nvtx.library() is None


def test_blocks_cannot_be_nested(said):
    nested = pytest.raises(RuntimeError, match=r"^emit_nvtx: .* cannot be nested")
    with emit_nvtx(), nested, emit_nvtx():
        pass
    with emit_nvtx():  # the refusal left nothing behind
        mt.ones(2) + 1
    assert said == ["Add", None]


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_step_on_a_device_is_named_operator_by_operator(said, monkeypatch):
    monkeypatch.setattr(mt.devices, "elsewhere", False)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).to("emulator")
    x = mt.ones(1, 1, 5, 5, device="emulator")
    with emit_nvtx():
        net(x).sum().backward()
    names = {text.partition(",")[0] for text in said if text}
    assert {"Conv2d", "Conv2dBackward", "Sum", "SumBackward"} <= names
    assert any(name.startswith("BatchNorm") for name in names)
    assert np.isfinite(net[0].weight.grad.cpu().numpy()).all()
