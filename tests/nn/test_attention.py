"""Multi-head attention and encoders, against PyTorch's."""

import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def pair(torch, ours, theirs):
    """Both in float64 with the same numbers."""
    ours.double()
    theirs.double()
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return ours, theirs


def both(torch, call):
    found = [call(mt, nn), call(torch, torch.nn)]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("masks", [
    {"attn_mask": (3, 4)}, {"attn_mask": (4, 3, 4)}, {"key_padding_mask": (2, 4)},
    {"attn_mask": (3, 4), "key_padding_mask": (2, 4)},
])  # fmt: skip
@pytest.mark.parametrize("kind", ["booleans", "numbers"])
@pytest.mark.parametrize("settings", [{}, {"average_attn_weights": False}])
def test_masks_hide_what_they_hide_in_pytorch(rng, masks, kind, settings):
    torch = pytest.importorskip("torch")
    arrays = [rng.standard_normal(s) for s in ((3, 2, 6), (4, 2, 6), (4, 2, 6))]
    given = {}
    for name, shape in masks.items():
        given[name] = rng.random(shape) > 0.7 if kind == "booleans" else rng.standard_normal(shape)
        if kind == "booleans":
            given[name][..., 1] = False
    args = (6, 2), {"add_zero_attn": True}
    layers = pair(torch, nn.MultiheadAttention(*args[0], **args[1]),
                  torch.nn.MultiheadAttention(*args[0], **args[1]))  # fmt: skip

    def call(library, place):
        xs = [library.tensor(a, requires_grad=True) for a in arrays]
        layer = layers[place is not nn]
        tensors = {name: library.tensor(a) for name, a in given.items()}
        y, shares = layer(*xs, **tensors, **settings)
        ((y * y).sum() + (shares**3).sum()).backward()
        return [y, shares, *(x.grad for x in xs), layer.in_proj_weight.grad]

    both(torch, call)


@pytest.mark.parametrize("settings", [
    {}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False},
])  # fmt: skip
def test_encoders_are_pytorchs(rng, settings):
    torch = pytest.importorskip("torch")
    x, hidden = rng.standard_normal((4, 4, 6)), np.triu(np.ones((4, 4), bool), 1)

    def made(place):
        layer = place.TransformerEncoderLayer(6, 2, 8, 0.0, **settings)
        return place.TransformerEncoder(layer, 2, place.LayerNorm(6), enable_nested_tensor=False)

    layers = pair(torch, made(nn), made(torch.nn))
    assert repr(layers[0]) == repr(layers[1])

    def call(library, place):
        start = library.tensor(x, requires_grad=True)
        y = layers[place is not nn](start, library.tensor(hidden), is_causal=True)
        (y**2 * library.tensor(x)).sum().backward()
        return [y, start.grad]

    both(torch, call)


@pytest.mark.parametrize("name", ["TransformerEncoder", "TransformerEncoderLayer"])
def test_encoders_take_pytorchs_arguments(name):
    torch = pytest.importorskip("torch")

    def arguments(f):
        return [p.name for p in inspect.signature(f).parameters.values()]

    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    assert arguments(ours.__init__) == arguments(theirs.__init__)
    assert arguments(ours.forward) == arguments(theirs.forward)


def test_a_query_that_may_see_nothing_gets_zeros_and_shares_drop_in_training():
    layer = nn.MultiheadAttention(4, 2, dropout=1.0, bias=False)
    x = mt.ones(3, 1, 4)
    y, shares = layer.eval()(x, x, x, attn_mask=mt.ones(3, 3).bool())
    assert not y.detach().numpy().any() and not shares.detach().numpy().any()
    assert layer(x, x, x)[0].detach().numpy().any()
    y, shares = layer.train()(x, x, x, need_weights=False)
    assert not y.detach().numpy().any() and shares is None


@pytest.mark.parametrize("call, message", [
    (lambda x: nn.MultiheadAttention(6, 4), "num_heads=4 must divide embed_dim=6"),
    (lambda x: nn.MultiheadAttention(4, 2)(x, x, x), r"must be \(N, L, 4\)"),
    (lambda x: nn.MultiheadAttention(6, 2)(x, x, x[:1]), r"value \(2, 1, 6\)"),
    (lambda x: nn.MultiheadAttention(6, 2)(x, x, x, is_causal=True), "pass the mask"),
    (lambda x: nn.MultiheadAttention(6, 2)(x, x, x, attn_mask=mt.ones(2, 2)), r"\(3, 3\) or"),
    (lambda x: nn.MultiheadAttention(6, 2)(x, x, x, mt.ones(2, 2)), "key_padding_mask of shape"),
    (lambda x: nn.TransformerEncoderLayer(6, 2, activation="elu"), "activation='elu'"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(mt.ones(3, 2, 6))
