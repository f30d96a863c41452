"""GoogLeNet is the network of the paper's table 1, and costs what the lecture's tables say."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import ConvBNReLU, ConvReLU
from minitorch_cnn.models.googlenet import Inception, auxiliary_head
from minitorch_cnn.models.tables import build
from tests.models.compare import gradients_are_slopes
from tests.models.stages import poolings, stages

FORMS = ("googlenet", "googlenet_bn", "googlenet_torchvision")

# The paper's table 1, "output size".
OUTPUTS = {
    "conv1": (64, 112, 112),
    "maxpool1": (64, 56, 56),
    "conv3": (192, 56, 56),
    "maxpool2": (192, 28, 28),
    "inception3a": (256, 28, 28),
    "inception3b": (480, 28, 28),
    "maxpool3": (480, 14, 14),
    "inception4a": (512, 14, 14),
    "inception4b": (512, 14, 14),
    "inception4c": (512, 14, 14),
    "inception4d": (528, 14, 14),
    "inception4e": (832, 14, 14),
    "maxpool4": (832, 7, 7),
    "inception5a": (832, 7, 7),
    "inception5b": (1024, 7, 7),
    "avgpool": (1024, 1, 1),
    "fc": (1000,),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_stage_has_the_size_of_table_1(form):
    found = stages(form, 3, 224, 224)
    assert {name: found[name] for name in OUTPUTS} == OUTPUTS


def test_stem_and_head_cost_what_the_lecture_says():
    with nn.shapes_only():
        rows = {row.name: row for row in summary(create_model("googlenet"), (3, 224, 224)).rows}
    #                       KB   parameters  multiply-adds
    stem = {
        "conv1.conv": (3136, 9_472, 118_013_952),
        "maxpool1": (784, 0, 0),
        "conv2.conv": (784, 4_160, 12_845_056),
        "conv3.conv": (2352, 110_784, 346_816_512),
        "maxpool2": (588, 0, 0),
    }
    for name, (kilobytes, params, macs) in stem.items():
        row = rows[name]
        assert (row.memory_bytes / 1024, row.params, row.macs) == (kilobytes, params, macs), name
    # 7.5 MB, 124 thousand, and not the 418 million that the lecture prints: its rows add up to 478.
    assert [sum(column) for column in zip(*stem.values(), strict=True)] == [
        7_644,
        124_416,
        477_675_520,
    ]
    assert rows["avgpool"].input_shape == (1024, 7, 7)
    assert (rows["fc"].params, rows["fc"].macs) == (1_025_000, 1_024_000)


def test_auxiliary_heads_cost_eight_million_multiply_adds():
    with nn.shapes_only():
        model = create_model("googlenet", aux=True)
    macs = [
        summary(model.aux1, (512, 14, 14)).total_macs,
        summary(model.aux2, (528, 14, 14)).total_macs,
    ]
    assert macs == [4_169_728, 4_202_496]
    assert 1_582_671_872 + sum(macs) == 1_591_044_096  # as published for the network with both


def test_a_module_joins_its_four_branches_in_the_order_of_the_table():
    module, channels = build(Inception(4, 2, 6, 1, 3, 2), 3, ConvReLU)
    x = mt.randn(2, 3, 9, 8)
    pooled = nn.functional.max_pool2d(x, 3, 1, 1)
    expected = [
        module.branch1(x),
        module.branch2[1](module.branch2[0](x)),
        module.branch3[1](module.branch3[0](x)),
        module.branch4[1](pooled),
    ]
    assert [y.shape[1] for y in expected] == [4, 6, 3, 2]
    assert mt.equal(module(x), mt.cat(expected, dim=1)) and channels == 15


@pytest.mark.parametrize(("form", "size"), list(zip(FORMS, (5, 5, 3), strict=True)))
def test_torchvision_has_3x3_where_the_paper_has_5x5(form, size):
    with nn.shapes_only():
        model = create_model(form)
    modules = [m for name, m in model.named_children() if name.startswith("inception")]
    assert [m.branch3[1].conv.kernel_size for m in modules] == [(size, size)] * 9


@pytest.mark.parametrize("form", FORMS)
def test_images_are_halved_by_maxima_that_round_up_and_branches_keep_their_size(form):
    with nn.shapes_only():
        found = poolings(create_model(form, aux=True))
    halving = {name: found.pop(f"maxpool{name}") for name in "1234"}
    last = 2 if form == "googlenet_torchvision" else 3
    assert halving == {
        name: (nn.MaxPool2d, kernel, 2, 0, True)
        for name, kernel in zip("1234", (3, 3, 3, last), strict=True)
    }
    aside = [settings for name, settings in found.items() if name.startswith("aux")]
    expected = (nn.AvgPool2d, 5, 3, 0, False)
    assert aside == ([] if form == "googlenet_torchvision" else [expected] * 2)
    branches = [settings for name, settings in found.items() if "branch4" in name]
    assert branches == [(nn.MaxPool2d, 3, 1, 1, False)] * 9
    assert len(found) == len(aside) + 9


@pytest.mark.parametrize(("form", "rate"), list(zip(FORMS, (0.4, 0.4, 0.2), strict=True)))
def test_dropout_has_the_rates_of_the_paper_or_of_torchvision(form, rate):
    with nn.shapes_only():
        model = create_model(form, aux=True)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [rate, 0.7, 0.7]


@pytest.mark.parametrize("conv", [ConvReLU, ConvBNReLU])
def test_the_gradients_of_a_module_are_slopes(conv):
    module, _ = build(Inception(2, 2, 3, 1, 2, 2), 2, conv)
    gradients_are_slopes(module, 2, 2, 6, 5)


def test_the_gradients_of_an_auxiliary_head_are_slopes():
    head = auxiliary_head(3, 70, nn.AvgPool2d(5, 3), ConvReLU, width=1 / 64)
    head.dropout.eval()
    gradients_are_slopes(head, 2, 3, 14, 14)


def test_auxiliary_heads_answer_to_4a_and_4d_in_training_only():
    model = create_model("googlenet_torchvision", num_classes=5, aux=True, width=1 / 16)
    x, seen = mt.randn(2, 3, 32, 32), []
    for head, module in ((model.aux1, model.inception4a), (model.aux2, model.inception4d)):
        head.dropout.eval()
        module.register_forward_hook(lambda *hooked: seen.append(hooked[-1]))
    logits, *aside = model(x)
    assert logits.shape == (2, 5)
    assert mt.equal(aside[0], model.aux1(seen[0])) and mt.equal(aside[1], model.aux2(seen[1]))
    assert model.eval()(x).shape == (2, 5)


@pytest.mark.parametrize(
    ("form", "smallest"), [("googlenet", 223), ("googlenet_bn", 223), ("googlenet_torchvision", 15)]
)
def test_auxiliary_heads_bound_the_size_of_images_in_training_only(form, smallest):
    with nn.shapes_only():
        model = create_model(form, aux=True)
    assert len(model(mt.zeros(0, 3, smallest, smallest))) == 3
    with pytest.raises(ValueError, match=f"GoogLeNet: .* at least {smallest}"):
        model(mt.zeros(0, 3, smallest - 1, smallest))
    small = (0, 3, model.smallest, model.smallest)
    assert model.eval()(mt.zeros(*small)).shape == (0, 1000)


def test_response_normalisation_stands_where_the_paper_has_it_and_batch_norm_replaces_it():
    with nn.shapes_only():
        order = create_model("googlenet").order
        assert order[:7] == ("conv1", "maxpool1", "norm1", "conv2", "conv3", "norm2", "maxpool2")
        norm = create_model("googlenet").norm1
        assert (norm.size, norm.alpha, norm.beta, norm.k) == (5, 1e-4, 0.75, 1.0)
        model = create_model("googlenet_bn", aux=True)
    assert not [m for m in model.modules() if isinstance(m, nn.LocalResponseNorm)]
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.1)}
    assert len(norms) == 3 + 9 * 6 + 2


def test_biases_start_at_a_fifth_and_those_of_classifiers_at_zero():
    model = create_model("googlenet", aux=True, width=1 / 16)
    zero = {"fc.bias", "aux1.fc2.bias", "aux2.fc2.bias"}
    for name, p in model.named_parameters():
        if p.ndim == 1:
            assert np.all(p.array == np.float32(0.0 if name in zero else 0.2)), name


@pytest.mark.parametrize(
    ("form", "std"), list(zip(FORMS, (1440**-0.5, (2 / 1440) ** 0.5, 0.01), strict=True))
)
def test_weights_start_with_the_deviation_of_their_form(form, std):
    w = create_model(form).inception4e.branch2[1].conv.weight  # of 160 * 9 inputs
    assert abs(w.std().item() / std - 1) < 0.01


def test_transform_input_renormalises_images_first():
    plain = create_model("googlenet_torchvision", width=1 / 16).eval()
    other = create_model("googlenet_torchvision", width=1 / 16, transform_input=True).eval()
    other.load_state_dict(plain.state_dict())
    x = mt.randn(1, 3, 32, 32)
    mean, std = (
        mt.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    pixels = x * std + mean
    expected = plain((pixels - 0.5) / 0.5)
    np.testing.assert_allclose(
        other(x).detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-6
    )
