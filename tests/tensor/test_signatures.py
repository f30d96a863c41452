"""Calls by every form that PyTorch has: positional, by keyword, one by one, as a sequence."""

import importlib
import inspect
import re

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare

PUBLIC = importlib.import_module("minitorch_cnn.tensor").__all__
X = np.arange(24.0).reshape(2, 3, 4)
SMALL = np.array([[3.0, -1.5], [0.25, 2.5]])
INTEGERS = np.array([[3, 1], [0, 2]])

CALLS = {
    "flip": [
        lambda m, x: m.flip(x, dims=[0, 1]), lambda m, x: m.flip(x, (0, -1)),
        lambda m, x: m.flip(input=x, dims=(2,)), lambda m, x: x.flip(0, 1),
        lambda m, x: x.flip([0]), lambda m, x: x.flip(dims=(1, 2)), lambda m, x: m.flip(x, (0, 0)),
        lambda m, x: m.flip(x), lambda m, x: x.flip(1.0),
    ],
    "permute": [
        lambda m, x: m.permute(x, dims=(2, 0, 1)), lambda m, x: x.permute(dims=[2, 0, 1]),
        lambda m, x: x.permute(2, 0, 1), lambda m, x: m.permute(input=x, dims=(0, 1, 2)),
    ],
    "reshape": [
        lambda m, x: m.reshape(x, shape=(4, 6)), lambda m, x: x.reshape(shape=[-1]),
        lambda m, x: x.reshape(4, -1), lambda m, x: x.reshape(2.0, 12),
        lambda m, x: x.reshape(m.tensor(4), 6), lambda m, x: x.reshape(), lambda m, x: x.view(),
        lambda m, x: x.view(size=(4, 6)), lambda m, x: x.view([6, 4]),
        lambda m, x: x.view(6.0, 4),
    ],
    "expand": [
        lambda m, x: x[:, :1].expand(size=(2, 3, 4)), lambda m, x: x[:, :1].expand([2, 5, 4]),
        lambda m, x: m.broadcast_to(x, size=(5, 2, 3, 4)), lambda m, x: x.expand(1.5),
    ],
    "repeat": [
        lambda m, x: x.repeat(repeats=(2, 1, 1)), lambda m, x: x.repeat([1, 2, 1]),
        lambda m, x: x.repeat(1, 1, 2), lambda m, x: m.tile(x, dims=(2,)),
        lambda m, x: m.repeat_interleave(x, repeats=2, dim=1, output_size=6),
        lambda m, x: m.repeat_interleave(x, 2, 1, output_size=5),
        lambda m, x: m.repeat_interleave(x, m.tensor([1, 2, 3]), dim=0),
    ],
    "movedim": [
        lambda m, x: m.movedim(x, source=0, destination=2), lambda m, x: x.movedim((0, 1), (2, 0)),
        lambda m, x: m.movedim(x, (0, 0), (1, 2)), lambda m, x: m.movedim(x, (0,), (1, 2)),
    ],
    "roll": [
        lambda m, x: m.roll(x, shifts=1), lambda m, x: m.roll(x, shifts=(1, 2), dims=(0, 2)),
        lambda m, x: x.roll(1, 0),
    ],
    "squeeze": [
        lambda m, x: m.squeeze(input=x[:1], dim=0), lambda m, x: x[:1].squeeze(dim=(0, 1)),
        lambda m, x: m.unsqueeze(input=x, dim=-1), lambda m, x: m.flatten(x, start_dim=1),
        lambda m, x: x.flatten(end_dim=1), lambda m, x: m.unflatten(x, dim=2, sizes=(2, -1)),
        lambda m, x: m.transpose(input=x, dim0=0, dim1=1),
        lambda m, x: x.swapaxes(axis0=0, axis1=2),
    ],
    "topk": [
        lambda m, x: m.topk(x, 2, 1, True, True), lambda m, x: x.topk(2, 1, False, True),
        lambda m, x: m.topk(input=x, k=2, dim=-1, largest=False, sorted=True),
        lambda m, x: m.sort(input=x, dim=1, descending=True),
        lambda m, x: x.sort(descending=True, stable=True),
        lambda m, x: m.argsort(x, dim=0, descending=True),
    ],
    "nonzero": [
        lambda m, x: m.nonzero(x > 20, as_tuple=True), lambda m, x: (x > 20).nonzero(as_tuple=True),
        lambda m, x: m.where(x > 20), lambda m, x: m.argwhere(x > 20),
        lambda m, x: m.nonzero(m.tensor(3.0), as_tuple=True), lambda m, x: m.where(x[0, 0]),
        lambda m, x: m.where((x > 3).to(m.uint8), x, -x), lambda m, x: m.where(x.long(), x, -x),
        lambda m, x: m.where(condition=x > 2, input=x, other=0.5), lambda m, x: x.where(x > 3, 1.0),
        lambda m, x: m.take_along_dim(x, m.tensor([5, 7])), lambda m, x: m.where(x > 3, x),
    ],
    "round": [
        lambda m, x: m.round(x / 7, decimals=2), lambda m, x: (x * 7).round(decimals=-1),
        lambda m, x: m.round(input=x / 8), lambda m, x: m.round(x / 7, 2),
    ],
    "div": [
        lambda m, x: m.div(x - 12, 5, rounding_mode="trunc"),
        lambda m, x: m.div(x - 12, other=5, rounding_mode="floor"),
        lambda m, x: (x - 12).long().div(m.tensor(5), rounding_mode="trunc"),
        lambda m, x: (x - 12).long().div(-5, rounding_mode="floor"),
        lambda m, x: m.div(x, 5, rounding_mode=None), lambda m, x: m.div(x, 5, rounding_mode="up"),
        lambda m, x: (x * 1).div_(5, rounding_mode="trunc"),
        lambda m, x: x.long().div(0, rounding_mode="trunc"), lambda m, x: m.div(x, 5, "floor"),
        lambda m, x: m.fmod(x - 12, 5), lambda m, x: (x - 12).long().fmod(m.tensor(-5)),
        lambda m, x: x.long().fmod(0),
    ],
    "numpy": [
        lambda m, x: m.tensor(x.numpy(force=True)), lambda m, x: x.numpy(True),
        lambda m, x: m.tensor(x.clone().requires_grad_().numpy(force=True)),
        lambda m, x: x.clone().requires_grad_().numpy(force=False),
    ],
    "to": [
        lambda m, x: x.to(m.float32, non_blocking=True), lambda m, x: x.to("cpu", m.float32, True),
        lambda m, x: x.to(device="cpu", dtype=m.int64, non_blocking=False, copy=True),
        lambda m, x: x.to(x.long(), True), lambda m, x: (x * 1).copy_(x[0], non_blocking=True),
        lambda m, x: (x * 1).copy_(x[0], True),
    ],
    "memory": [
        lambda m, x: x[None].to(memory_format=m.channels_last),
        lambda m, x: x[None].contiguous(memory_format=m.channels_last),
        lambda m, x: x.contiguous(memory_format=m.contiguous_format),
        lambda m, x: x.clone(memory_format=m.preserve_format),
        lambda m, x: m.zeros_like(x, memory_format=m.preserve_format),
        lambda m, x: x.to(m.float32, memory_format=m.preserve_format),
        lambda m, x: x.is_contiguous(memory_format=m.contiguous_format),
        lambda m, x: x[None].is_contiguous(memory_format=m.channels_last),
        lambda m, x: x.contiguous(memory_format="rows"), lambda m, x: x.to(memory_format=3),
    ],
    "creation": [
        lambda m, x: m.zeros(size=(2, 3)), lambda m, x: m.ones(size=[2], dtype=m.int64),
        lambda m, x: m.zeros(2, size=(3,)), lambda m, x: m.full(size=(2,), fill_value=3.0),
        lambda m, x: m.arange(end=5), lambda m, x: m.arange(start=1, end=7, step=2),
        lambda m, x: m.arange(m.tensor(4)), lambda m, x: m.linspace(start=0, end=1, steps=3),
        lambda m, x: m.logspace(0, 2, steps=3), lambda m, x: m.logspace(0, 3, 4, base=2),
        lambda m, x: m.eye(n=2, m=3), lambda m, x: m.zeros(1.5), lambda m, x: m.randn(size=(2, 0)),
        lambda m, x: m.randint(high=1, size=(2,)), lambda m, x: m.randint(1, size=(2,)),
        lambda m, x: m.randint(0, 1, (2,)), lambda m, x: m.randint(low=0, high=1, size=(2,)),
        lambda m, x: m.rand(size=(0,), dtype=m.float64), lambda m, x: m.zeros_like(x, device="cpu"),
        lambda m, x: m.full_like(x, fill_value=2, dtype=m.int64, device="cpu"),
        lambda m, x: m.randint_like(x, 1), lambda m, x: m.ones_like(input=x, dtype=m.uint8),
        lambda m, x: x.new_zeros(2, 3), lambda m, x: x.new_ones((2,), dtype=m.int64),
        lambda m, x: x.new_full((2,), 1.5), lambda m, x: x.new_tensor([1, 2]),
        lambda m, x: x.new_zeros(size=(2,)), lambda m, x: x.new_empty(0, 3),
    ],
    "joining": [
        lambda m, x: m.cat(tensors=[x, x], dim=1), lambda m, x: m.stack(tensors=(x, x), dim=-1),
        lambda m, x: m.split(x, split_size_or_sections=2, dim=2), lambda m, x: m.chunk(x, chunks=2),
        lambda m, x: m.narrow(input=x, dim=0, start=0, length=1), lambda m, x: m.unbind(x, dim=0),
        lambda m, x: x.tensor_split(2, dim=2),
        lambda m, x: x.tensor_split((5, 1), 1), lambda m, x: m.tensor_split(x, 0),
    ],
    "reading": [
        lambda m, x: m.index_select(input=x, dim=0, index=m.tensor([1])),
        lambda m, x: m.masked_fill(input=x, mask=x > 3, value=0.0),
        lambda m, x: m.gather(input=x, dim=2, index=m.zeros(2, 3, 1, dtype=m.int64)),
        lambda m, x: m.tril(input=x, diagonal=1), lambda m, x: m.triu(x, -1),
        lambda m, x: m.diagonal(x, offset=1, dim1=0, dim2=2),
        lambda m, x: x.unfold(dimension=2, size=2, step=1), lambda m, x: x.unfold(2, 5, 1),
        lambda m, x: x.unfold(2, 2, 0), lambda m, x: m.diagonal(x, 0, 1, 1),
        lambda m, x: m.rot90(x, k=1, dims=(1, 2)), lambda m, x: m.rot90(x, 1, (1, 1)),
    ],
    "arithmetic": [
        lambda m, x: m.add(input=x, other=x, alpha=2), lambda m, x: m.sub(x, other=1),
        lambda m, x: m.mul(input=x, other=x), lambda m, x: m.pow(input=x, exponent=2),
        lambda m, x: m.maximum(input=x, other=x + 1), lambda m, x: m.remainder(x, other=5),
        lambda m, x: m.clamp(input=x, min=2, max=9),
        lambda m, x: m.matmul(input=x[0], other=x[1].T),
        lambda m, x: m.lerp(input=x, end=x + 1, weight=0.25), lambda m, x: m.logit(x / 30, eps=0.1),
        lambda m, x: m.addmm(x[0, :, :2], x[0, :, :3], x[1, :, :2], beta=2, alpha=3),
        lambda m, x: m.bmm(input=x, mat2=x.transpose(1, 2)),
        lambda m, x: m.outer(x[0, 0], vec2=x[1, 1]),
        lambda m, x: m.allclose(input=x, other=x, rtol=0.1, atol=0, equal_nan=True),
        lambda m, x: m.isclose(x, x + 1e-9, rtol=0, atol=1e-8), lambda m, x: m.addmm(x, x, x),
        lambda m, x: m.cdist(x, x, p=1.0), lambda m, x: m.mv(x[0], x[1]),
        lambda m, x: m.tensordot(x, x, dims=([0, 2], [0, 2])), lambda m, x: m.tensordot(x, x, 4),
        lambda m, x: m.tensordot(x, x, 1), lambda m, x: m.addmm(x[0], x[0], x[1].T),
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:where received a uint8")
@pytest.mark.parametrize("name", CALLS)
def test_every_form_of_a_call_is_pytorch_s(name, torch):
    for call in CALLS[name]:
        compare(torch, call, X)


# What PyTorch's signatures have beyond ours: memory formats, and what nothing here has.
PASSED_OVER = {
    "layout", "memory_format", "pin_memory", "sparse_grad", "generator", "assume_unique",
}  # fmt: skip
# Whose documentation gives no signature, or one of several; tested above or in their own files.
SEVERAL = {
    "all", "any", "argmax", "bernoulli", "clamp_max", "clamp_min", "einsum", "from_dlpack",
    "from_numpy", "log_softmax", "masked_fill", "max", "mean", "median", "min", "normal", "prod",
    "relu", "result_type", "std", "std_mean", "sum", "unique", "var", "var_mean", "pad",
    "Tensor", "tensor",
    "broadcast_to", "softmax", "index_fill", "lerp", "logsumexp", "scatter", "squeeze",
    "tensor_split", "masked_scatter", "nansum", "searchsorted", "unique_consecutive",
}  # fmt: skip
ALL = [n for n in PUBLIC if n not in SEVERAL]


def their_parameters(function):
    """Names from the signature, or from the first line of the documentation."""
    try:
        return [p.strip("*") for p in inspect.signature(function).parameters]
    except ValueError:
        first = re.match(r"\s*[\w.]+\((.*?)\)\s*->", function.__doc__ or "", re.DOTALL)
        if first is None:
            pytest.skip("PyTorch tells no signature")
        parts = re.split(r",(?![^\[(]*[\])])", first.group(1).replace("\\", ""))
        names = [re.split("[=:]", part)[0].strip() for part in parts]
        return [name.strip("*") for name in names if name.strip("*")]


@pytest.mark.parametrize("name", ALL)
def test_arguments_have_pytorch_s_names_and_order(name, torch):
    if not hasattr(torch, name):
        pytest.skip("ours alone")
    theirs = their_parameters(getattr(torch, name))
    theirs = [p for p in theirs if p not in {"out", *PASSED_OVER}]
    parameters = inspect.signature(getattr(mt, name)).parameters.values()
    packed = [p for p in parameters if p.kind is p.VAR_POSITIONAL]
    # flip(x, 0, 1) beside flip(x, dims=(0, 1)): loose ones have no name in PyTorch
    loose = {p.name for p in packed if any(q in theirs for q in {"dims", "shape", "size"})}
    ours = [p.name for p in parameters if p.name not in loose | PASSED_OVER]
    assert ours == theirs


@pytest.mark.parametrize("name", [n for n in PUBLIC if n != "Tensor"])
def test_an_output_to_be_written_to_is_refused_by_name(name):
    assert "out" not in inspect.signature(getattr(mt, name)).parameters
    if name not in ("broadcast_tensors", "meshgrid"):
        with pytest.raises(TypeError, match="out"):
            getattr(mt, name)(Tensor(SMALL), out=None)


# PyTorch's other places for a function: the same arguments, the same results.
SECOND_NAMES = {
    "clip": "clamp", "concat": "cat", "argwhere": "nonzero", "swapaxes": "transpose",
    "is_floating_point": "is_floating_point",
}  # fmt: skip


@pytest.mark.parametrize("name", SECOND_NAMES)
def test_second_names_do_what_the_first_ones_do(name):
    x = Tensor(SMALL)
    arguments = {"clip": (x, 0, 1), "concat": ([x, x],), "swapaxes": (x, 0, 1)}.get(name, (x,))
    first = SECOND_NAMES[name]
    other = getattr(mt, first) if name != first else lambda t: t.is_floating_point()
    ours, theirs = getattr(mt, name)(*arguments), other(*arguments)
    assert np.array_equal(np.asarray(ours), np.asarray(theirs))
