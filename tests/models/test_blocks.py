"""Blocks do what their formulas say, and heads answer in training only."""

from functools import partial

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import (
    ConvBNReLU,
    ConvReLU,
    ImageNetToHalf,
    SeparableConv,
    SqueezeExcitation,
    Trunk,
    classifier,
    conv_bn,
    divisible,
    draw_normal,
    draw_weights,
    scaled,
)
from minitorch_cnn.models.tables import Conv, build_all
from tests import oracle
from tests.models.compare import gradients_are_slopes


def test_conv_relu_is_a_convolution_with_a_bias_cut_at_zero():
    block, x = ConvReLU(3, 4, 3, 2, 1), mt.randn(2, 3, 7, 6)
    w, b = (p.detach().numpy() for p in block.parameters())
    y = oracle.conv2d(x.numpy(), w, (2, 2), ((1, 1), (1, 1))) + b.reshape(-1, 1, 1)
    np.testing.assert_allclose(block(x).detach().numpy(), np.maximum(y, 0), atol=1e-6)
    assert (y < 0).any()


def test_conv_bn_relu_normalises_in_between_and_has_no_bias():
    block, x = ConvBNReLU(4, 6, (1, 3), 1, (0, 1), groups=2, eps=0.5), mt.randn(2, 4, 5, 6)
    assert [name for name, _ in block.named_parameters()] == ["conv.weight", "bn.weight", "bn.bias"]
    w = block.conv.weight.detach().numpy()
    y = oracle.conv2d(x.numpy(), w, (1, 1), ((0, 0), (1, 1)), groups=2)
    y = oracle.batch_norm(y, np.ones(6), np.zeros(6), 0.5)
    np.testing.assert_allclose(block(x).detach().numpy(), np.maximum(y, 0), atol=1e-6)


@pytest.mark.parametrize("block", [ConvReLU, ConvBNReLU])
def test_the_gradients_of_a_convolution_and_what_follows_it_are_slopes(block):
    gradients_are_slopes(block(2, 3, 3, padding=1), 2, 2, 5, 4)


def test_a_separable_convolution_looks_at_each_channel_then_at_all():
    block, x = SeparableConv(3, 5, 3, 2, 1), mt.randn(2, 3, 7, 6)
    depthwise, pointwise = (p.detach().numpy() for p in block.parameters())
    y = oracle.conv2d(x.numpy(), depthwise, (2, 2), ((1, 1), (1, 1)), groups=3)
    y = np.einsum("oi,nihw->nohw", pointwise[:, :, 0, 0], y)
    np.testing.assert_allclose(block(x).detach().numpy(), y, atol=1e-5)
    named = SeparableConv(3, 5, 5, padding=2, names=("each", "all"))
    assert [name for name, _ in named.named_parameters()] == ["each.weight", "all.weight"]
    assert named(x).shape == (2, 5, 7, 6)


def test_the_gradients_of_a_separable_convolution_are_slopes():
    gradients_are_slopes(SeparableConv(2, 3, 3, 2, 1), 2, 2, 5, 4)


def test_a_squeeze_and_excitation_gate_scales_channels_by_what_the_means_of_all_say():
    gate, x = SqueezeExcitation(4, 3), mt.randn(2, 4, 5, 6)
    w1, b1, w2, b2 = (p.detach().numpy() for p in gate.parameters())
    hidden = np.maximum(x.numpy().mean((2, 3)) @ w1[:, :, 0, 0].T + b1, 0)
    gates = 1 / (1 + np.exp(-hidden @ w2[:, :, 0, 0].T - b2))
    expected = x.numpy() * gates[:, :, None, None]
    np.testing.assert_allclose(gate(x).detach().numpy(), expected, atol=1e-6)


def test_a_gate_may_be_another_function_and_have_other_names():
    gate, x = (
        SqueezeExcitation(4, 3, mt.functional.hardsigmoid, ("reduce", "expand")),
        mt.randn(2, 4, 3, 3),
    )
    nn.init.normal_(gate.expand.weight, 0, 9)
    means = x.mean((2, 3), keepdim=True)
    gates = gate.expand(gate.reduce(means).relu()).detach().numpy()
    expected = x.numpy() * np.clip(gates / 6 + 0.5, 0, 1)
    np.testing.assert_allclose(gate(x).detach().numpy(), expected, atol=1e-6)
    assert [name for name, _ in gate.named_children()] == ["reduce", "expand"]
    assert (gates < -3).any() and (gates > 3).any()


def test_the_gradients_of_a_squeeze_and_excitation_gate_are_slopes():
    gradients_are_slopes(SqueezeExcitation(3, 2), 2, 3, 4, 3)


def test_conv_bn_keeps_the_size_and_ends_in_an_activation_if_told_so():
    layers = conv_bn(4, 6, 5, 2, groups=2, activation=nn.ReLU6)
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU6]
    assert layers[0].weight.shape == (6, 2, 5, 5) and layers[0].bias is None
    assert nn.Sequential(*layers)(mt.randn(2, 4, 7, 8)).shape == (2, 6, 4, 4)
    assert [type(layer) for layer in conv_bn(4, 6, 1)] == [nn.Conv2d, nn.BatchNorm2d]


def test_channels_are_scaled_to_a_multiple_and_never_to_none():
    assert [scaled(n, 1 / 8) for n in (64, 20, 3)] == [8, 2, 1]
    assert [scaled(n, 1 / 8, multiple=2) for n in (64, 20, 3)] == [8, 2, 2]


@pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize(
    "name", ["resnet18", "vgg11", "mobilenet_v1_100", "mobilenet_v2", "ghostnet_130"]
)
def test_a_width_that_leaves_no_channels_is_refused_by_name(name, width):
    with pytest.raises(ValueError, match=f"^create_model: width={width} must be a number above 0"):
        create_model(name, width=width)


def test_rounded_channels_are_the_nearest_multiple_but_for_a_tenth_below():
    found = [divisible(n, 8) for n in (3, 12, 11.9, 20, 33.6, 44, 19.2, 36)]
    assert found == [8, 16, 16, 24, 32, 48, 24, 40]
    assert [divisible(n, 4) for n in (18, 30, 4.9, 4.2)] == [20, 32, 8, 4]


def trunk(**settings):
    layers, channels = build_all({"a": Conv(4, 3), "b": Conv(6, 1)}, 3, ConvReLU, 1.0)
    head = nn.Sequential(classifier(4, 5, 0.0, "last"))
    return Trunk({**layers, **classifier(channels, 5, 0.0)}, 3, 2, {"a": ("aux", head)}, **settings)


def test_auxiliary_heads_see_their_layer_in_training_only():
    model, x = trunk(), mt.randn(2, 3, 6, 6)
    logits, aside = model(x)
    assert mt.equal(aside, model.aux(model.a(x)))
    assert mt.equal(logits, model.eval()(x))
    assert model(x).shape == (2, 5)


def test_a_loss_of_all_outputs_reaches_trunk_and_heads():
    model = trunk()
    logits, aside = model(mt.randn(2, 3, 6, 6))
    (logits.sum() + 0.3 * aside.sum()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_trunk_refuses_images_that_are_too_small_for_it_or_for_its_heads():
    model = trunk(smallest_with_heads=4)
    with pytest.raises(ValueError, match=r"Trunk: x of shape \(1, 3, 3, 9\) .* at least 4"):
        model(mt.zeros(1, 3, 3, 9))
    model.eval()(mt.zeros(1, 3, 3, 9))
    for shape in ((1, 3, 1, 9), (1, 2, 9, 9), (3, 9, 9)):
        with pytest.raises(ValueError, match=r"must be \(N, 3, H, W\) with H and W at least 2"):
            model(mt.zeros(*shape))


def test_images_normalised_for_imagenet_are_renormalised_to_a_half():
    pixels = np.random.default_rng(0).random((2, 3, 4, 4)).astype(np.float32)
    mean, std = (np.reshape(v, (3, 1, 1)) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    layer = ImageNetToHalf(3)
    y = layer(mt.tensor(((pixels - mean) / std).astype(np.float32)))
    np.testing.assert_allclose(y.numpy(), 2 * pixels - 1, atol=1e-6)
    assert not layer.state_dict()
    with pytest.raises(ValueError, match="in_channels=1 must be 3"):
        create_model("inception_v3", in_channels=1, transform_input=True, width=1 / 64)


def test_weights_are_drawn_for_convolutions_and_linear_layers_alone():
    model = nn.Sequential(ConvBNReLU(4, 64, 3), nn.Conv2d(64, 64, 1), nn.Linear(64, 64))
    draw_weights(model, partial(nn.init.constant_, val=3.0), bias=0.5)
    assert mt.equal(model[0].bn.weight, mt.ones(64)) and mt.equal(model[0].bn.bias, mt.zeros(64))
    for layer in (model[0].conv, model[1], model[2]):
        assert (layer.weight == 3).all().item()
    assert (model[1].bias == 0.5).all().item() and (model[2].bias == 0.5).all().item()
    draw_normal(model, 0.01, width=1 / 4)  # a quarter of the inputs: twice the deviation
    assert abs(model[2].weight.std().item() - 0.02) < 0.002
    assert not model[2].bias.array.any()
