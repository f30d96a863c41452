"""Summaries of nets as users write them: every parameter and multiply-add is in one row."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.nn import functional as F


class Does(nn.Module):
    """forward is f(self, *inputs); the other arguments become attributes."""

    def __init__(self, f, **attributes):
        super().__init__()
        self.f = f
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *inputs, **named):
        return self.f(self, *inputs, **named)


def costs_of(f, *shapes, inputs=None, **attributes):
    """The totals, which the rows add up to."""
    net = Does(f, **attributes)
    found = summary(net, inputs=inputs) if inputs is not None else summary(net, list(shapes))
    assert found.total_params == sum(row.params for row in found.rows)
    assert found.total_params == sum(p.numel() for p in dict.fromkeys(net.parameters()))
    assert found.total_macs == sum(row.macs for row in found.rows)
    assert str(found) and found.format("csv") and found.format("markdown")
    return found


def weight(*shape):
    return nn.Parameter(mt.ones(*shape))


@pytest.mark.parametrize("f, macs, attributes", [
    (lambda s, x: F.conv2d(x, s.w, stride=2, groups=3), 16 * 6 * 4, {"w": weight(6, 1, 2, 2)}),
    (lambda s, x: F.conv_transpose2d(x, s.w), 64 * 3 * 5 * 9, {"w": weight(3, 5, 3, 3)}),
    (lambda s, x: F.conv1d(x[:, :, 0], s.w), 7 * 4 * 3 * 2, {"w": weight(4, 3, 2)}),
    (lambda s, x: F.linear(x, s.w), 3 * 8 * 8 * 5, {"w": weight(5, 8)}),
    (lambda s, x: x @ s.w, 3 * 8 * 8 * 5, {"w": weight(8, 5)}),
    (lambda s, x: x @ x.transpose(2, 3), 3 * 8 * 8 * 8, {}),
    (lambda s, x: F.scaled_dot_product_attention(x, x, x), 2 * 3 * 8 * 8 * 8, {}),
])  # fmt: skip
def test_work_by_functions_is_in_the_row_of_the_module_that_calls_them(f, macs, attributes):
    found = costs_of(f, (3, 8, 8), **attributes)
    assert found.total_macs == macs
    inner = summary(nn.Sequential(nn.ReLU(), Does(f, **attributes)), (3, 8, 8))
    assert [(row.name, row.macs) for row in inner.rows] == [("0", 0), ("1", macs)]


def test_what_a_module_with_children_does_itself_has_a_row_of_its_own():
    found = costs_of(
        lambda s, x: F.conv2d(s.c(x), s.w) * s.scale, (3, 8, 8),
        c=nn.Conv2d(3, 2, 1), w=weight(4, 2, 1, 1), scale=weight(4, 1, 1), unused=nn.Linear(2, 2),
    )  # fmt: skip
    assert [(row.name, row.params, row.macs) for row in found.rows] == [
        ("c", 8, 6 * 64),
        ("Does", 12, 8 * 64),
        ("unused", 6, 0),
    ]


def test_an_lstm_and_attention_are_counted():
    lstm = nn.LSTM(6, 4, batch_first=True)
    found = costs_of(lambda s, x: s.r(x)[0], inputs=mt.ones(2, 5, 6), r=lstm)
    assert found.total_macs == 5 * 4 * 4 * (6 + 4)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    found = costs_of(lambda s, x: s.a(x, x, x)[0], inputs=mt.ones(3, 5, 8), a=attention)
    assert found.total_macs == 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_totals_are_for_one_sample_whatever_the_batch(batch):
    inputs = {"x": mt.ones(batch, 3, 8, 8), "more": [mt.ones(batch, 3), mt.ones(4)]}
    net = {"c": nn.Conv2d(3, 2, 3), "l": nn.Linear(3, 2)}
    found = costs_of(
        lambda s, x, more: s.c(x) + s.l(more[0])[:, :, None, None] * more[1].sum(),
        inputs=inputs, **net,
    )  # fmt: skip
    assert [(row.name, row.macs, row.output_shape) for row in found.rows] == [
        ("c", 36 * 54, (2, 6, 6)),
        ("l", 6, (2,)),
    ]
    looped = costs_of(
        lambda s, x: mt.stack([s.c(image) for image in x]), inputs=mt.ones(batch, 3, 8, 8), **net
    )
    assert looped.total_macs == 36 * 54


def test_shapes_of_several_inputs_and_of_vectors():
    two = costs_of(
        lambda s, a, b: s.c(a).sum((2, 3)) - s.c(b).sum((2, 3)), (1, 8, 8), (7, 1, 10, 10),
        c=nn.Conv2d(1, 4, 3),
    )  # fmt: skip
    assert two.total_macs == 36 * (36 + 64) and two.rows[0].receptive_field == (3, 3)
    assert summary(nn.Linear(10, 5), (10,)).total_macs == 50
    assert summary(nn.Conv1d(2, 3, 3), (2, 9)).total_macs == 7 * 18
    words = mt.tensor(np.zeros((1, 5), np.int64))
    embedded = costs_of(lambda s, x: s.e(x).mean(1), inputs=(words,), e=nn.Embedding(10, 6))
    assert (embedded.total_params, embedded.total_macs) == (60, 0)


@pytest.mark.parametrize("use", [
    lambda m, y: m(2, y), lambda m, y: m(x=y, n=3), lambda m, y: m([2], [y])[0],
    lambda m, y: m(None, {"y": y}),
])  # fmt: skip
def test_modules_that_take_and_return_other_things_than_a_tensor(use):
    def f(s, n, x):
        return [x] if isinstance(x, list) else x

    found = costs_of(
        lambda s, x: use(s.m, s.c(x)),
        (3, 8, 8),
        c=nn.Conv2d(3, 4, 3),
        m=Does(f),
        n=Does(lambda s: None),
    )
    assert found.total_macs == 108 * 36


def test_parameters_that_do_not_train_are_told_apart():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    net[0].weight.requires_grad = False
    found = summary(net, (3, 8, 8))
    assert (found.total_params, found.trainable_params) == (26, 14)
    assert "26 parameters, 14 of them trainable, " in str(found)


@pytest.mark.parametrize(
    "shape", [(), (0,), (3, -1, 8), (1, 2, 3, 4, 5), (3.0, 8, 8), [(3, 8, 8), ()]]
)
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises(ValueError, match=r"^summary: input_shape=.* must be 1 to 3 sizes"):
        summary(nn.Identity(), shape)


def test_shape_and_inputs_together_are_refused():
    with pytest.raises(ValueError, match=r"^summary: input_shape and inputs are both given"):
        summary(nn.Identity(), (3, 8, 8), inputs=mt.ones(1))
