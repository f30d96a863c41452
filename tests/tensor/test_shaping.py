"""Views that are views, grids in both orders, and what is refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

X = np.arange(24.0).reshape(2, 3, 4)


def test_windows_and_diagonals_are_views(torch):
    def write(m, x):
        x = x * 1
        x.unfold(2, 2, 2)[0, 0].fill_(-1)
        x[1, :, :3].diagonal().mul_(10)
        x[0].diagonal(1).zero_()
        return x

    compare(torch, write, X)


def test_gradients_pass_through_a_write_to_a_window(torch):
    def run(m, x):
        x.requires_grad_()
        y = x * 1
        y.unfold(2, 2, 2)[:, :, 1].mul_(3)
        y.permute(2, 1, 0).unfold(0, 3, 3).mul_(2)
        y[0].diagonal().mul_(2)
        (y**2).sum().backward()
        return [y, x.grad]

    compare(torch, run, X)


def test_windows_that_overlap_are_not_written_to():
    with pytest.raises(RuntimeError, match=r"^fill_: the tensor's memory is read-only or repeats"):
        mt.ones(4).unfold(0, 2, 1).fill_(1)


@pytest.mark.parametrize("indexing", ["ij", "xy"])
@pytest.mark.parametrize("sizes", [(3,), (3, 2), (3, 2, 4), (0, 2), (1, 1)])
def test_grids_in_both_orders(indexing, sizes, torch):
    vectors = [np.arange(float(n)) for n in sizes]
    compare(torch, lambda m, *xs: m.meshgrid(*xs, indexing=indexing), *vectors)
    compare(torch, lambda m, *xs: m.meshgrid(list(xs), indexing=indexing), *vectors)


def test_a_number_is_a_grid_of_one(torch):
    compare(torch, lambda m, a, b: m.meshgrid(a, b, indexing="ij"), np.array(2.0), np.ones(3))


@pytest.mark.parametrize("dtype", ["int64", "bool", "float16", "uint8"])
def test_arrangements_keep_the_dtype(dtype, torch):
    calls = (
        lambda m, x: m.rot90(x, 1, (0, 2)), lambda m, x: x.unfold(2, 3, 1),
        lambda m, x: x.diagonal(), lambda m, x: m.tile(x, (2, 1)),
        lambda m, x: m.repeat_interleave(x[0, 0].long()),
        lambda m, x: m.repeat_interleave(x[0].long()),
        lambda m, x: x.repeat_interleave(2, 1), lambda m, x: m.hstack((x, x)),
        lambda m, x: m.vstack([x[0, 0], x[0]]), lambda m, x: m.diag(x[0, 0]),
        lambda m, x: m.cumprod(x, 0), lambda m, x: m.ravel(x),
    )  # fmt: skip
    for call in calls:
        compare(torch, call, (X % 2).astype(dtype))


def test_cumprod_keeps_the_dtype_it_is_told(torch):
    compare(torch, lambda m, x: x.cumprod(1, dtype=m.float32), (X % 3).astype(np.int64))
    compare(torch, lambda m, x: m.cumprod(x, dim=3), X)


def test_what_counts_and_asks_of_a_tensor():
    x = mt.ones(2, 3)
    assert mt.numel(x) == 6 and mt.is_tensor(x) and not mt.is_tensor(X)
    assert mt.is_floating_point(x) and not mt.is_floating_point(x.long())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.unfold(0, 3, 1), RuntimeError, r"^unfold: size=3 must lie in \[0, 2\]"),
        (lambda x: x.unfold(0, 1, 0), RuntimeError, "^unfold: step=0 must be at least 1"),
        (lambda x: x.unfold(5, 1, 1), IndexError, "^unfold: dim=5 must lie in"),
        (lambda x: x.t(), RuntimeError, "^t: input has 3 axes, must have at most two"),
        (lambda x: mt.meshgrid(x), RuntimeError, r"^meshgrid: tensors\[0\] has 3 axes"),
        (lambda x: mt.meshgrid(x[0, 0], indexing="yx"), ValueError, "^meshgrid: indexing='yx'"),
        (lambda x: mt.rot90(x, 1, (1, 1)), RuntimeError, "^rot90: dims="),
        (lambda x: mt.rot90(x, 1, (0, 1, 2)), RuntimeError, "^rot90: dims="),
        (lambda x: x.diagonal(0, 1, 1), RuntimeError, "^diagonal: dim1=1 and dim2=1"),
        (lambda x: mt.diag(x), RuntimeError, "^diag: input has 3 axes"),
        (lambda x: mt.trace(x), RuntimeError, "^trace: input has 3 axes"),
        (lambda x: x.repeat_interleave(-1), RuntimeError, "^repeat_interleave: repeats must be"),
        (lambda x: x.repeat_interleave([1, 2], 1), RuntimeError, "^repeat_interleave: repeats"),
        (lambda x: x.repeat_interleave(1.5), TypeError, "^repeat_interleave: repeats must be an"),
        (lambda x: x.tensor_split(0), RuntimeError, "^tensor_split: sections=0 must be"),
        (lambda x: x.cumprod(3), IndexError, "^cumprod: dim=3 must lie in"),
        (lambda x: mt.broadcast_tensors(x, x[:, :2]), RuntimeError, "^broadcast_tensors: shapes"),
        (lambda x: x.flip(0, 0), RuntimeError, "^flip: dims="),
        (lambda x: x.flip(), TypeError, "^flip: integers must be given"),
        (lambda x: x.permute(0, dims=(1,)), TypeError, r"^permute: \(0,\) and \(1,\) are given"),
        (lambda x: x.reshape(2.0, 12), TypeError, r"^reshape: \(2.0, 12\) must be integers"),
        (lambda x: mt.lerp(x.long(), x, 0.5), TypeError, "^lerp: input must be a Tensor of"),
        (lambda x: mt.frac(x.long()), TypeError, "^frac: input has dtype int64"),
        (lambda x: mt.round(x.long(), decimals=1), TypeError, "^round: decimals=1 needs floats"),
        (lambda x: mt.div(x, 2, rounding_mode="up"), ValueError, "^div: rounding_mode='up'"),
        (lambda x: mt.mv(x, x), RuntimeError, "^mv: operands have 3 and 3 axes"),
        (lambda x: mt.cdist(x, x[:, :, :2]), RuntimeError, "^cdist: shapes"),
        (lambda x: mt.isclose(x, x[:, :2]), RuntimeError, "^isclose: shapes"),
        (lambda x: mt.allclose(x, x[:, :2]), RuntimeError, "^allclose: shapes"),
        (lambda x: mt.equal(x, 1.0), TypeError, "^equal: input must be a Tensor"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.ones(2, 3, 4))
