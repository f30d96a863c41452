"""Pruned weights beside torch's."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn.utils import prune

W = np.random.default_rng(0).standard_normal((4, 3, 3, 2))
CASES = {
    "l1_unstructured": {"amount": 0.3},
    "l1_unstructured of 5": {"amount": 5},
    "ln_structured": {"amount": 0.5, "n": 2, "dim": 0},
    "ln_structured 1": {"amount": 1, "n": float("inf"), "dim": 1},
    "custom_from_mask": {"mask": W > 0},
    "identity": {},
}


def layer(m):
    conv = m.nn.Conv2d(3, 4, (3, 2)).double()
    with m.no_grad():
        conv.weight.copy_(m.tensor(W))
        conv.bias.zero_()
    return conv


@pytest.mark.parametrize("name", CASES)
def test_the_pruned_weights_are_torchs(name):
    torch = pytest.importorskip("torch")
    import torch.nn.utils.prune as theirs

    found = []
    for m, functions in ((mt, prune), (torch, theirs)):
        conv = layer(m)
        settings = {k: m.tensor(v) if k == "mask" else v for k, v in CASES[name].items()}
        assert getattr(functions, name.split()[0])(conv, "weight", **settings) is conv
        functions.l1_unstructured(conv, "weight", 0.2)  # of what is left
        y = conv(m.tensor(W[:, :, :3].repeat(2, 2)))
        (y * y).sum().backward()
        assert functions.is_pruned(conv) and sorted(conv.state_dict()) == [
            "bias", "weight_mask", "weight_orig",
        ]  # fmt: skip
        found.append([conv.weight, conv.weight_mask, conv.weight_orig.grad])
        functions.remove(conv, "weight")
        assert not functions.is_pruned(conv) and sorted(conv.state_dict()) == ["bias", "weight"]
        found[-1].append(conv.weight)
    for ours, theirs_ in zip(*found, strict=True):
        np.testing.assert_allclose(ours.detach(), theirs_.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("function", "settings", "zeros"),
    [
        (prune.random_unstructured, {"amount": 0.25}, 18),
        (prune.random_structured, {"amount": 2, "dim": 0}, 36),
    ],
)
def test_as_many_are_drawn_at_random(function, settings, zeros):
    conv = function(layer(mt), "weight", **settings)
    assert int((conv.weight == 0).sum()) == zeros


def test_the_least_among_several_layers_are_pruned():
    torch = pytest.importorskip("torch")
    import torch.nn.utils.prune as theirs

    found = []
    for m, functions in ((mt, prune), (torch, theirs)):
        pair = layer(m), layer(m)
        with m.no_grad():
            pair[1].weight.mul_(3)
        functions.global_unstructured(
            [(conv, "weight") for conv in pair],
            pruning_method=functions.L1Unstructured,
            amount=0.4,
        )
        found.append([conv.weight_mask for conv in pair])
    for ours, other in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, other.numpy())


def test_what_cannot_be_pruned_is_refused():
    conv = layer(mt)
    for call, error, message in [
        (
            lambda: prune.l1_unstructured(conv, "weight", 1.5),
            ValueError,
            "l1_unstructured: amount=",
        ),
        (
            lambda: prune.remove(conv, "weight"),
            ValueError,
            "remove: weight of Conv2d is not pruned",
        ),
        (lambda: prune.identity(conv, "scale"), AttributeError, "prune: Conv2d has no parameter"),
        (
            lambda: prune.custom_from_mask(conv, "weight", W[0]),
            ValueError,
            "custom_from_mask: mask",
        ),
        (lambda: prune.global_unstructured([], int), TypeError, "global_unstructured: pruning_me"),
    ]:
        with pytest.raises(error, match=f"^{message}"):
            call()
    assert not prune.is_pruned(nn.Sequential(conv))
