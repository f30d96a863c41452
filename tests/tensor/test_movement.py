"""Moving numbers: shapes, views and refusals, against PyTorch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

# Each is run on a tensor of shape (2, 3, 4), results and refusals compared.
CALLS = {
    "reshape": lambda m, x: x.reshape(4, -1),
    "reshape, two unknown": lambda m, x: x.reshape(-1, -1),
    "reshape, wrong size": lambda m, x: x.reshape(5, 5),
    "reshape, does not divide": lambda m, x: x.reshape(7, -1),
    "reshape, negative": lambda m, x: x.reshape(-2, 12),
    "reshape, empty": lambda m, x: m.zeros(0, 3).reshape(-1, 3),
    "reshape, empty and unknown": lambda m, x: m.zeros(0, 3).reshape(0, -1),
    "reshape, number": lambda m, x: m.zeros(1).reshape(()),
    "view": lambda m, x: x.view(-1, 4),
    "view of a transposed": lambda m, x: x.transpose(0, 1).view(-1),
    "view that splits": lambda m, x: x.transpose(0, 1).view(3, 2, 2, 2),
    "view of a row": lambda m, x: x[:, 1].view(8),
    "view of a column": lambda m, x: x[..., 1].view(2, 3),
    "flatten": lambda m, x: m.flatten(x),
    "flatten, backwards": lambda m, x: x.flatten(2, 1),
    "flatten, outside": lambda m, x: x.flatten(0, 3),
    "unflatten": lambda m, x: x.unflatten(2, (2, 2)),
    "unflatten, wrong": lambda m, x: x.unflatten(2, (3, 2)),
    "permute, twice": lambda m, x: x.permute(0, 0, 1),
    "permute, too few": lambda m, x: x.permute(1, 0),
    "permute, outside": lambda m, x: x.permute(0, 1, 3),
    "transpose, outside": lambda m, x: x.transpose(0, 3),
    "transpose, number": lambda m, x: m.tensor(1.0).transpose(0, -1),
    "T": lambda m, x: x[0].T,
    "mT": lambda m, x: x.mT,
    "movedim": lambda m, x: m.movedim(x, -1, 0),
    "squeeze": lambda m, x: x[:1, :, :1].squeeze(),
    "squeeze, one": lambda m, x: x[:1, :, :1].squeeze(0),
    "squeeze, not 1": lambda m, x: x.squeeze(1),
    "squeeze, outside": lambda m, x: x.squeeze(3),
    "squeeze, number": lambda m, x: m.tensor(1.0).squeeze(0),
    "unsqueeze": lambda m, x: x.unsqueeze(-4),
    "unsqueeze, outside": lambda m, x: x.unsqueeze(4),
    "expand": lambda m, x: x[:, :1].expand(5, 2, 3, -1),
    "expand, not 1": lambda m, x: x.expand(2, 3, 8),
    "expand, too few": lambda m, x: x.expand(3, 4),
    "expand, new -1": lambda m, x: x.expand(-1, 2, 3, 4),
    "flip": lambda m, x: x.flip(0, 2),
    "flip, list": lambda m, x: m.flip(x, [1]),
    "flip, outside": lambda m, x: x.flip(3),
    "flip, twice": lambda m, x: x.flip(0, 0),
    "roll": lambda m, x: x.roll(5, 1),
    "roll, all": lambda m, x: x.roll(-3),
    "roll, two": lambda m, x: x.roll((1, 2), (0, 2)),
    "roll, unequal": lambda m, x: x.roll((1, 2), 0),
    "tril": lambda m, x: m.tril(x, -1),
    "triu of a vector": lambda m, x: m.triu(x[0, 0]),
    "size": lambda m, x: [x.size(0), x.size(-1), x.dim(), x.numel()],
    "size, outside": lambda m, x: x.size(3),
    "contiguous": lambda m, x: [x.T.contiguous().is_contiguous(), x.transpose(0, 1).is_contiguous()]
    if m is mt else [True, False],
    "to integer": lambda m, x: (x * 1.7 - 20).to(m.int64),
    "to bool": lambda m, x: x.to(m.bool_ if m is mt else m.bool),
    "to half": lambda m, x: (x * 1e5).half(),
    "to other": lambda m, x: x.to(m.zeros(1, dtype=m.int32)),
    "long, double": lambda m, x: x.long().double(),
    "type_as": lambda m, x: x.type_as(m.zeros(1, dtype=m.uint8)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_shapes_values_and_refusals(name, torch):
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    compare(torch, CALLS[name], data)


VIEWS = {
    "reshape": lambda x: x.reshape(6, 4),
    "view": lambda x: x.view(24),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(2, (2, 2)),
    "permute": lambda x: x.permute(2, 0, 1),
    "transpose": lambda x: x.transpose(0, 2),
    "T": lambda x: x.T,
    "movedim": lambda x: x.movedim(0, 2),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "expand": lambda x: x.unsqueeze(0).expand(2, 2, 3, 4),
    "narrow": lambda x: x.narrow(0, 0, 1),
    "split": lambda x: x.split(2, -1)[1],
    "chunk": lambda x: x.chunk(2, -1)[0],
    "unbind": lambda x: x.unbind(1)[2],
    "detach": lambda x: x.detach(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_version(name):
    x = mt.zeros(2, 3, 4)
    view = VIEWS[name](x)
    assert np.shares_memory(view.array, x.array)
    x.fill_(5)
    assert (view == 5).all()
    assert view._counter is x._counter and x._version == 1


@pytest.mark.parametrize(
    "name", ["reshape of a transposed", "flip", "roll", "clone", "repeat", "cat"]
)
def test_copies_share_nothing(name):
    x = mt.zeros(2, 3)
    y = {
        "reshape of a transposed": lambda: x.T.reshape(6),
        "flip": lambda: x.flip(0),
        "roll": lambda: x.roll(1),
        "clone": lambda: x.clone(),
        "repeat": lambda: x.repeat(1, 1),
        "cat": lambda: mt.cat([x]),
    }[name]()
    assert not np.shares_memory(y.array, x.array)
    x.fill_(5)
    assert y._version == 0


def test_an_expanded_tensor_is_not_written_to():
    with pytest.raises(RuntimeError, match=r"^add_: .* repeats elements"):
        mt.zeros(1, 3).expand(2, 3).add_(1)


def test_to_and_contiguous_return_the_tensor_itself_where_nothing_changes():
    x = mt.zeros(2)
    assert x.to(mt.float32) is x and x.to("cpu") is x and x.contiguous() is x and x.cpu() is x
    assert x.to(mt.float32, copy=True) is not x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.view(3, 4, 2, 5), RuntimeError, r"^view: shape \[3, 4, 2, 5\] cannot hold 24"),
        (lambda x: x.T.view(24), RuntimeError, r"^view: shape \[24\] cannot be laid over"),
        (lambda x: x.reshape(7, -1), RuntimeError, r"^reshape: shape \[7, -1\] cannot hold 24"),
        (lambda x: x.permute(0, 0, 1), RuntimeError, r"^permute: dims=\(0, 0, 1\) must name each"),
        (lambda x: x.transpose(0, 5), IndexError, r"^transpose: dim=5 must lie in \[-3, 2\]"),
        (lambda x: x.expand(3, 3, 4), RuntimeError, r"^expand: a tensor of shape \(2, 3, 4\)"),
        (lambda x: x.flatten(2, 0), RuntimeError, "^flatten: start_dim=2 must not come after"),
        (lambda x: x.roll((1, 2), 0), RuntimeError, "^roll: shifts="),
        (lambda x: x.to(device="tpu"), ValueError, "^to: device='tpu' must be 'cpu'"),
        (lambda x: x.to(complex), TypeError, "^to: dtype=complex128 must be one of"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.zeros(2, 3, 4))
