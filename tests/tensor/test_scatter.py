"""Writing to chosen places, in a copy and in place: every form, dtypes, and what is refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from tests.tensor.parity import compare

X = np.arange(12.0).reshape(3, 4)
PLACES = np.array([[0, 3], [2, 1]])

CALLS = [
    lambda m, x, i: m.scatter(x, 1, i, 5.0), lambda m, x, i: m.scatter(x, 1, i, value=5),
    lambda m, x, i: m.scatter(input=x, dim=1, index=i, src=x), lambda m, x, i: x.scatter(0, i, x),
    lambda m, x, i: x.scatter(1, i, x.float()),
    lambda m, x, i: x.scatter(1, i, x[:1]), lambda m, x, i: x.scatter(1, i + 3, x),
    lambda m, x, i: x.scatter(2, i, x), lambda m, x, i: x.scatter(1, i.float(), x),
    lambda m, x, i: (x * 1).scatter_(1, i, 2),
    lambda m, x, i: (x * 1).scatter_(dim=1, index=i, src=x),
    lambda m, x, i: (x * 1).scatter_add_(1, i, x), lambda m, x, i: x.long().scatter_(1, i, 7),
    lambda m, x, i: x.index_add(0, i[0], x), lambda m, x, i: x.index_add(1, i[0], x[:, :2]),
    lambda m, x, i: m.index_add(x, 1, index=i[1], source=x[:, 2:], alpha=0.5),
    lambda m, x, i: (x * 1).index_add_(dim=1, index=i[0], source=x[:, :2]),
    lambda m, x, i: x.index_copy(1, i[0], x[:, 2:]), lambda m, x, i: x.index_copy(1, i[0], x),
    lambda m, x, i: (x * 1).index_copy_(1, i[1], x[:, 2:]),
    lambda m, x, i: x.index_fill(1, i[0], -1),
    lambda m, x, i: (x * 1).index_fill_(1, i[0], m.tensor(2.0, dtype=m.float64)),
    lambda m, x, i: m.masked_select(x, x > 4), lambda m, x, i: x.masked_select(x[0] > 1),
    lambda m, x, i: m.masked_select(x, i), lambda m, x, i: x.select(1, 2),
    lambda m, x, i: x.select(1, 4),
    lambda m, x, i: x.select(-2, -3), lambda m, x, i: m.select(x[0, 0], 0, 0),
    lambda m, x, i: (x * 1).masked_fill_(x > 4, 0),
    lambda m, x, i: (x * 1).masked_fill_(x[0] > 1, -1.0),
    lambda m, x, i: (x[0] * 1).masked_fill_(x > 4, 0),
    lambda m, x, i: x.long().masked_fill_(x > 4, 2),
    lambda m, x, i: (x * 1).fill_diagonal_(-1), lambda m, x, i: (x - 6).relu_().sqrt_().neg_(),
    lambda m, x, i: x.long().exp_(), lambda m, x, i: x.long().neg_(),
    lambda m, x, i: x.long().abs_(),
    lambda m, x, i: (x / 7).round_(decimals=2), lambda m, x, i: (x * 1).clamp_min_(3).clamp_max_(9),
    lambda m, x, i: x.long().clamp_min_(2.5), lambda m, x, i: (x / 0).nan_to_num_(1.0, 2.0),
    lambda m, x, i: (x[0] * 1).addcmul_(x, x), lambda m, x, i: (x * 1).addcmul_(x, x[0], value=2),
    lambda m, x, i: (x * 1).lerp_(x[0], 0.75), lambda m, x, i: (x[0] * 1).lerp_(x, 0.75),
    lambda m, x, i: x.long().normal_(), lambda m, x, i: (x * 1).normal_(0, -1),
    lambda m, x, i: (x * 1).uniform_(2, 1), lambda m, x, i: (x * 1).bernoulli_(2.0),
]  # fmt: skip

# x is 0-d, v of one element, w of three; i is the position 0, 0-d and of one axis.
NUMBER_CALLS = [
    lambda m, x, v, w, i: x.gather(0, i) + x.gather(-1, i.reshape(1)),
    lambda m, x, v, w, i: x.gather(1, i), lambda m, x, v, w, i: x.gather(0, i + 1),
    lambda m, x, v, w, i: w.gather(0, i), lambda m, x, v, w, i: w.reshape(1, 3).gather(0, i),
    lambda m, x, v, w, i: x.index_select(0, i) + x.index_select(-1, i.reshape(1)),
    lambda m, x, v, w, i: x.index_select(0, i.repeat(2)),
    lambda m, x, v, w, i: x.scatter(0, i, 5.0) + x.scatter(0, i.reshape(1), v),
    lambda m, x, v, w, i: w.scatter(0, i, 5.0), lambda m, x, v, w, i: w.scatter(0, i, x),
    lambda m, x, v, w, i: x.scatter_add(0, i, x) + x.scatter_add(0, i.reshape(1), v),
    lambda m, x, v, w, i: w.scatter_add(0, i, x),
    lambda m, x, v, w, i: (x * 1).scatter_(0, i, x + 2).scatter_add_(0, i, x),
    lambda m, x, v, w, i: x.index_add(0, i, x, alpha=3),
    lambda m, x, v, w, i: (x * 1).index_add_(0, i.reshape(1), x),
    lambda m, x, v, w, i: x.index_copy(0, i, v), lambda m, x, v, w, i: (x * 1).index_copy_(0, i, v),
    lambda m, x, v, w, i: w.index_copy(0, i, x),
    lambda m, x, v, w, i: x.index_fill(0, i, 2.0) + (x * 1).index_fill_(-1, i.reshape(1), x),
    lambda m, x, v, w, i: x.index_fill(1, i, 2.0),
    lambda m, x, v, w, i: (x.flip(0) + x.flip(-1), x.roll(1), x.movedim(0, -1)),
    lambda m, x, v, w, i: x.flip(1), lambda m, x, v, w, i: x.flip(0, -1),
    lambda m, x, v, w, i: x.movedim(0, 1), lambda m, x, v, w, i: x.roll(1, 0),
    lambda m, x, v, w, i: x.unfold(0, 1, 1), lambda m, x, v, w, i: x.unfold(-1, 0, 2),
    lambda m, x, v, w, i: tuple(x.sort(0)), lambda m, x, v, w, i: tuple(x.sort(1)),
    lambda m, x, v, w, i: tuple(x.topk(1, 1)),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NUMBER_CALLS)))
def test_a_0_d_tensor_counts_as_one_of_a_single_axis(number, torch):
    numbers = np.array(3.0), np.array([4.0]), np.arange(3.0), np.array(0)
    compare(torch, NUMBER_CALLS[number], *numbers)


def test_gradients_flow_to_0_d_tensors():
    x, s = (mt.tensor(v, dtype=mt.float64, requires_grad=True) for v in (3.0, 4.0))
    zero = mt.tensor(0)
    for fn in (
        lambda x, s: x.gather(0, zero) * s.index_select(0, zero),
        lambda x, s: (x * 1).scatter_(0, zero, s * s) * x.scatter_add(0, zero, s),
        lambda x, s: x.index_add(0, zero, s, alpha=3) * x.index_copy(0, zero, s) * x.flip(0),
    ):
        assert mt.gradcheck(fn, (x, s)) and mt.gradgradcheck(fn, (x, s))


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_every_form_is_pytorch_s(number, torch):
    compare(torch, CALLS[number], X, PLACES)


def test_draws_fill_the_tensor_itself():
    x = mt.zeros(20000)
    assert x.normal_(3, 0.5, generator=np.random.default_rng(0)) is x
    assert abs(x.mean().item() - 3) < 0.02 and abs(x.std().item() - 0.5) < 0.02
    x.uniform_(-1, 3, generator=mt.Generator().manual_seed(0))
    assert -1 <= x.min().item() < -0.9 and 2.9 < x.max().item() < 3
    assert abs(mt.zeros(20000).bernoulli_(0.3).mean().item() - 0.3) < 0.02
    half = mt.zeros(9, dtype=mt.float16).normal_()
    assert half.dtype == mt.float16 and half.unique().numel() > 1


def test_a_leaf_that_requires_grad_is_written_to_under_no_grad_only():
    w = mt.zeros(3, requires_grad=True)
    for write in (w.normal_, w.exp_, lambda: w.index_fill_(0, mt.tensor([1]), 2.0)):
        with pytest.raises(RuntimeError, match="a leaf tensor that requires grad cannot be"):
            write()
        with mt.no_grad():
            write()
    assert w.requires_grad and w[1].item() == 2


def test_scatter_can_add():
    x = mt.zeros(3).scatter(0, mt.tensor([1, 1]), mt.tensor([2.0, 3]), reduce="add")
    assert x.tolist() == [0, 5, 0]


def test_selected_slices_are_views():
    x = mt.zeros(2, 3)
    x.select(1, 2).fill_(5)
    assert x.tolist() == [[0, 0, 5], [0, 0, 5]]


INDEX = mt.tensor([0, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.scatter(0, INDEX), TypeError, "^scatter: one of src and value must be"),
        (lambda x: x.scatter(0, INDEX, x, value=1), TypeError, "^scatter: one of src and value"),
        (lambda x: x.scatter(0, INDEX, x, reduce="max"), ValueError, "^scatter: reduce='max'"),
        (lambda x: x.scatter_(0, INDEX, x.long()), RuntimeError, "^scatter_: src has dtype int64"),
        (lambda x: x.index_add(0, INDEX, x), RuntimeError, "^index_add: source of shape"),
        (lambda x: x.index_copy(0, INDEX, x), RuntimeError, "^index_copy: source of shape"),
        (lambda x: x.index_fill(0, INDEX + 5, 1), IndexError, "^index_fill: index holds"),
        (lambda x: x.masked_select(INDEX), TypeError, "^masked_select: mask must be a Tensor of"),
        (lambda x: x.masked_scatter(x > 0, x[:2]), RuntimeError, "^masked_scatter: source has 2"),
        (lambda x: x.masked_scatter_(x > 0, x.long()), RuntimeError, "^masked_scatter: source has"),
        (lambda x: x.masked_scatter(INDEX, x), TypeError, "^masked_scatter: mask must be a Tensor"),
        (lambda x: x.exponential_(0), RuntimeError, "^exponential_: lambd=0 must be positive"),
        (lambda x: x.select(0, 3), IndexError, r"^select: index=3 must lie in \[-3, 2\]"),
        (lambda x: x.fill_diagonal_(1), RuntimeError, "^fill_diagonal_: input has 1 axes"),
        (lambda x: x.normal_(0, -1), RuntimeError, "^normal_: std=-1 must not be negative"),
        (lambda x: x.long().uniform_(), RuntimeError, "^uniform_: input has dtype int64"),
        (lambda x: x.bernoulli_(2), RuntimeError, "^bernoulli_: p=2 must lie in"),
        (lambda x: x.long().exp_(), RuntimeError, "^exp_: a result of dtype float32 cannot be"),
    ],
)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call(mt.ones(3))


def test_exponential_draws_have_their_mean():
    mt.manual_seed(0)
    for dtype in (mt.float32, mt.float64, mt.float16):
        x = mt.zeros(4000, dtype=dtype).exponential_(2.0)
        assert x.dtype == dtype and abs(x.double().mean().item() - 0.5) < 0.03 and (x >= 0).all()


def test_logic_in_place(torch):
    a, b = np.array([True, True, False]), np.array([True, False, False])
    for name in ("logical_and_", "logical_or_", "logical_xor_"):
        compare(torch, lambda m, x, y, name=name: getattr(x, name)(y), a, b)
        compare(torch, lambda m, x, y, name=name: getattr(x, name)(y), a.astype("f4"), b)
    for name in ("logical_not_", "bitwise_not_"):
        compare(torch, lambda m, x, name=name: getattr(x, name)(), a)
        compare(torch, lambda m, x, name=name: getattr(x, name)(), np.array([3, 0]))
