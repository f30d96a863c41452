"""DiracNet for small images: NCReLU loses nothing, and both forms fold."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.diracnet import DiracConv, fold
from minitorch_cnn.models.diracnet_cifar import CifarDiracNet, NCReLU
from tests.models.compare import gradients_are_slopes


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


def test_ncrelu_is_the_positive_part_and_then_the_negative_part():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    expected = np.concatenate([np.maximum(x, 0), np.minimum(x, 0)], 1)
    np.testing.assert_array_equal(NCReLU()(mt.from_numpy(x)).numpy(), expected)


def test_behind_ncrelu_the_identity_passes_the_whole_input_on():
    conv, x = DiracConv(6, 3, shared=True), mt.randn(2, 3, 4, 5)
    nn.init.zeros_(conv.beta)
    np.testing.assert_allclose(conv(NCReLU()(x)).detach().numpy(), x.numpy(), atol=1e-6)


def test_the_published_sizes_are_counted():
    """Those of the paper: 9.1 and 36.5 million."""
    with nn.shapes_only():
        counts = [
            sum(p.numel() for p in create_model(name).parameters())
            for name in ("diracnet28_5_cifar", "diracnet28_10_cifar")
        ]
    assert [round(count / 1e6, 1) for count in counts] == [9.1, 36.5]


@pytest.mark.parametrize("name", list_models("diracnet*_cifar"))
def test_the_name_counts_the_layers(name):
    """6 n + 2 of DiracNet-(6 n + 4), as wide ResNets are counted."""
    with nn.shapes_only():
        model = create_model(name)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name[8:10]) - 2


@pytest.mark.parametrize("ncrelu", [False, True])
def test_a_folded_net_computes_the_same(ncrelu):
    model = CifarDiracNet(10, 1, ncrelu=ncrelu).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | DiracConv):
            for p in module.parameters(recurse=False):
                if p.ndim == 1:
                    nn.init.uniform_(p, 0.5, 1.5)
    for _ in range(3):
        model(mt.randn(4, 3, 16, 16, dtype=mt.float64))
    folded, x = fold(model.eval()), mt.randn(2, 3, 16, 16, dtype=mt.float64)
    np.testing.assert_allclose(folded(x).detach().numpy(), model(x).detach().numpy(), rtol=1e-9)
    assert not any(isinstance(m, nn.BatchNorm2d | DiracConv) for m in folded.modules())


def test_the_gradients_behind_ncrelu_are_slopes():
    gradients_are_slopes(nn.Sequential(NCReLU(), DiracConv(4, 2, shared=True)), 2, 2, 4, 3)


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match=r"CifarDiracNet: depth=30 must be 6 n \+ 4"):
        CifarDiracNet(30, 1)
