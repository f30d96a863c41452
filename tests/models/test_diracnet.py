"""DiracNet's weights hold the identity, and folding a trained net changes nothing but the count."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.diracnet import DiracConv, fold
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages

NAMES = ["diracnet18", "diracnet34"]


def test_both_are_registered():
    assert list_models("diracnet??") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_has_its_size(name):
    found = stages(name, 3, 224, 224)
    sizes = [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]
    assert [found[f"group{i}"] for i in range(4)] == sizes and found["conv1"] == (64, 112, 112)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_counts_the_layers_with_weights(name):
    with nn.shapes_only():
        model = create_model(name)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name.removeprefix("diracnet"))
    assert not any(m.stride != (1, 1) for m in model.modules() if isinstance(m, DiracConv))


def test_alpha_passes_the_channels_on_again_from_the_first():
    conv, x = DiracConv(2, 5), mt.randn(3, 2, 4, 6)
    nn.init.zeros_(conv.beta)
    nn.init.normal_(conv.alpha)
    expected = x.numpy()[:, [0, 1, 0, 1, 0]] * conv.alpha.detach().numpy()[:, None, None]
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-6)


def test_beta_is_the_norm_of_a_filter():
    conv = DiracConv(3, 4)
    nn.init.zeros_(conv.alpha)
    nn.init.uniform_(conv.beta, 0.5, 2.0)
    norms = np.sqrt((conv.effective_weight().detach().numpy() ** 2).sum((1, 2, 3)))
    np.testing.assert_allclose(norms, conv.beta.detach().numpy(), rtol=1e-6)


def test_a_new_layer_is_mostly_the_identity():
    conv = DiracConv(3, 4)
    assert set(conv.alpha.tolist()) == {1.0}
    np.testing.assert_allclose(conv.beta.detach().numpy(), 0.1, rtol=1e-6)


def trained():
    """A narrow net in float64 whose batch norms have seen images and have weights of their own."""
    model = create_model("diracnet18", num_classes=5, width=1 / 8).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | DiracConv):
            for p in module.parameters(recurse=False):
                if p.ndim == 1:
                    nn.init.uniform_(p, 0.5, 1.5)
    for _ in range(3):
        model(mt.randn(4, 3, 64, 64, dtype=mt.float64))
    return model.eval()


def test_a_folded_net_computes_the_same():
    model = trained()
    folded = fold(model)
    x = mt.randn(2, 3, 64, 64, dtype=mt.float64)
    expected = model(x).detach().numpy()
    np.testing.assert_allclose(
        folded(x).detach().numpy(), expected, rtol=0, atol=1e-12 * np.abs(expected).max()
    )
    assert folded.training is False and fold(model.train()).training is True
    assert not any(isinstance(m, nn.BatchNorm2d | DiracConv) for m in folded.modules())


def test_folding_leaves_the_net_as_it_was():
    model = trained()
    before = {key: value.numpy().copy() for key, value in model.state_dict().items()}
    fold(model)
    assert all(np.array_equal(before[k], v.numpy()) for k, v in model.state_dict().items())


def test_a_folded_net_is_not_folded_again():
    with nn.shapes_only(), pytest.raises(ValueError, match=r"^fold: the model is folded"):
        fold(create_model("diracnet18", folded=True))


@pytest.mark.parametrize("filters", [2, 3])
def test_the_gradients_of_a_layer_are_slopes(filters):
    gradients_are_slopes(DiracConv(2, filters), 2, 2, 4, 3)
