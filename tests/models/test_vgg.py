"""VGG: Table 1, the totals and what the lecture miscounts, net A as a start, the dense form."""

import itertools
import tracemalloc

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import SqueezeExcitation
from minitorch_cnn.models.vgg import (
    FROM_NET_A,
    copy_from_net_a,
    fully_convolutional,
    layers_by_place,
)
from tests.models.compare import agrees_with_torch, gradients_are_slopes


def rows(name, *types):
    """The rows of the layers of these types at 224 pixels, of a model without memory."""
    with nn.shapes_only():
        found = summary(create_model(name), (3, 224, 224)).rows
    return [row for row in found if row.type in types]


def small(name, **settings):
    """The net in a sixteenth of its width."""
    return create_model(name, width=1 / 16, num_classes=5, **settings)


@pytest.mark.parametrize(
    "name", ["vgg11", "vgg11_lrn", "vgg13", "vgg16_1x1", "vgg16", "vgg19", "vgg19_bn"]
)
def test_each_stage_halves_the_image_and_ends_in_its_channels(name):
    stages = [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert [row.output_shape for row in rows(name, "MaxPool2d")] == stages


@pytest.mark.parametrize(
    "name, layers, millions",
    [
        ("vgg11", 11, 133),
        ("vgg11_lrn", 11, 133),
        ("vgg13", 13, 133),
        ("vgg16_1x1", 16, 134),
        ("vgg16", 16, 138),
        ("vgg19", 19, 144),
    ],
)
def test_nets_have_the_layers_and_millions_of_parameters_of_tables_1_and_2(name, layers, millions):
    found = rows(name, "Conv2d", "Linear")
    assert len(found) == layers
    assert round(sum(row.params for row in found) / 1e6) == millions


def test_net_c_has_its_1x1_convolutions_last_in_the_stages_3_to_5():
    kernels = [row.kernel[0] for row in rows("vgg16_1x1", "Conv2d")]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


def test_norms_follow_the_convolutions_as_the_name_says():
    with nn.shapes_only():
        lrn, bn = create_model("vgg11_lrn").features, create_model("vgg11_bn").features
    kinds = [type(layer).__name__ for layer in lrn]
    assert kinds[:4] == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert kinds.count("LocalResponseNorm") == 1 and lrn[2].k == 2 and lrn[2].alpha == 5e-4
    for a, b in itertools.pairwise(bn):
        assert isinstance(a, nn.Conv2d) == isinstance(b, nn.BatchNorm2d)


def test_the_lectures_total_of_vgg16_leaves_out_a_convolution():
    convs, linear = rows("vgg16", "Conv2d"), rows("vgg16", "Linear")
    macs = sum(row.macs for row in convs + linear)
    memory = sum(row.memory_bytes for row in convs) / 2**20
    assert round(macs / 1e9, 2) == 15.47
    assert round(memory, 1) == 51.7
    left_out = convs[6]  # the third at 56 x 56
    assert left_out.output_shape == (256, 56, 56)
    assert round((macs - left_out.macs) / 1e9, 1) == 13.6
    assert round(memory - left_out.memory_bytes / 2**20, 1) == 48.6
    down_to_28 = convs[:6]  # as the lecture lists them
    assert round(sum(row.memory_bytes for row in down_to_28) / 2**20, 1) == 42.9
    assert round(sum(row.params for row in down_to_28) / 1e6, 1) == 1.1
    assert round(sum(row.macs for row in down_to_28) / 1e6) == 7485


def test_vgg19_is_built_and_summarised_without_memory_and_in_a_moment():
    tracemalloc.start()
    try:
        with nn.shapes_only():
            model = create_model("vgg19")
        assert summary(model, (3, 224, 224)).total_params == 143_667_240
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_convolutions_start_by_he_and_linear_layers_by_the_paper():
    mt.manual_seed(0)
    model = create_model("vgg11", width=1 / 4)
    for name, layer in layers_by_place(model).items():
        outputs = layer.weight.shape[0]
        std = (2 / (outputs * 9)) ** 0.5 if name.startswith("conv") else 0.01 / (1 / 4) ** 0.5
        assert layer.weight.std().item() == pytest.approx(std, rel=0.1), name
        assert not layer.bias.array.any()


@pytest.mark.parametrize("norm", ["", "_bn"])
def test_a_deeper_net_starts_from_net_a(norm):
    mt.manual_seed(0)
    shallow, deep = small(f"vgg11{norm}"), small(f"vgg16{norm}")
    for buffer in shallow.buffers():
        buffer.add_(1)
    theirs, ours = layers_by_place(shallow), layers_by_place(deep)
    drawn = {name: layer.weight.array.copy() for name, layer in ours.items()}
    copy_from_net_a(deep, shallow)
    taken = {*FROM_NET_A, *(name.replace("conv", "norm") for name in FROM_NET_A)}
    for name, layer in ours.items():
        if name in taken:
            state = theirs[name].state_dict()
            assert all(mt.equal(value, state[key]) for key, value in layer.state_dict().items())
        else:
            assert np.array_equal(layer.weight.array, drawn[name]), name
    assert ours["conv1_1"].weight is not theirs["conv1_1"].weight


def test_a_net_of_other_classes_is_refused_as_a_start_and_nothing_is_copied():
    deep, other = small("vgg13"), create_model("vgg11", width=1 / 16, num_classes=6)
    before = layers_by_place(deep)["conv1_1"].weight.array.copy()
    with pytest.raises(RuntimeError, match="copy_from_net_a: the shapes of fc8 differ"):
        copy_from_net_a(deep, other)
    assert np.array_equal(layers_by_place(deep)["conv1_1"].weight.array, before)


def test_the_fully_convolutional_form_is_the_net_at_every_position():
    mt.manual_seed(0)
    net = small("vgg11").double().eval()
    dense = fully_convolutional(net)
    x = mt.randn(2, 3, 224, 224, dtype=mt.float64)
    scores = dense(x)
    assert scores.shape == (2, 5, 1, 1) and not dense.training
    np.testing.assert_allclose(
        scores.detach().numpy()[..., 0, 0], net(x).detach().numpy(), rtol=1e-10
    )
    x = mt.randn(1, 3, 256, 288, dtype=mt.float64)
    scores, features = dense(x).detach().numpy(), net.features(x)
    assert scores.shape == (1, 5, 2, 3)
    for i, j in np.ndindex(2, 3):
        window = features[:, :, i : i + 7, j : j + 7].flatten(1)
        expected = net.classifier(window).detach().numpy()
        np.testing.assert_allclose(scores[:, :, i, j], expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["alexnet", "zfnet"])
def test_nets_like_vgg_have_a_fully_convolutional_form(name):
    net = create_model(name, width=1 / 16, num_classes=5).double().eval()
    dense, x = fully_convolutional(net), mt.randn(1, 3, 224, 224, dtype=mt.float64)
    found = dense(x).detach().numpy()
    np.testing.assert_allclose(found[..., 0, 0], net(x).detach().numpy(), rtol=1e-9, atol=1e-12)
    assert dense(mt.zeros(1, 3, 256, 288, dtype=mt.float64)).shape == (1, 5, 2, 3)


def test_a_net_without_linear_layers_behind_pooling_has_no_such_form():
    for name in ("resnet18", "nin_cifar", "lenet5"):
        with pytest.raises(ValueError, match=r"fully_convolutional: net=.* must have features"):
            fully_convolutional(create_model(name))


def test_the_fully_convolutional_form_has_the_weights_of_the_net_and_its_names():
    net = small("vgg11")
    dense = fully_convolutional(net)
    ours, theirs = dense.state_dict(), net.state_dict()
    assert list(ours) == list(theirs)
    assert all(np.shares_memory(ours[name].array, theirs[name].array) for name in ours)
    with nn.shapes_only():
        assert fully_convolutional(create_model("vgg16")).classifier[0].weight.shape == (
            4096,
            512,
            7,
            7,
        )


def test_a_stage_has_the_gradients_that_differences_show():
    with_norm = create_model("vgg11_bn", width=1 / 64, in_channels=2).features[:4]
    gradients_are_slopes(with_norm, 2, 2, 4, 6)


@pytest.mark.parametrize("name", ["vgg11", "vgg11_bn"])
def test_outputs_and_gradients_are_those_of_pytorchs_layers(name):
    torch = pytest.importorskip("torch")
    from torch.nn import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU

    layers, channels = [], 3
    for wanted in (8, "pool", 16, "pool", 32, 32, "pool", 64, 64, "pool", 64, 64, "pool"):
        if wanted == "pool":
            layers.append(MaxPool2d(2))
            continue
        layers.append(Conv2d(channels, wanted, 3, padding=1))
        if name.endswith("bn"):
            layers.append(BatchNorm2d(wanted))
        layers.append(ReLU())
        channels = wanted
    layers += [AdaptiveAvgPool2d(7), Flatten(), Linear(64 * 49, 512), ReLU(), Linear(512, 512)]
    theirs = torch.nn.Sequential(*layers, ReLU(), Linear(512, 10))
    mt.manual_seed(0)
    ours = create_model(name, num_classes=10, width=1 / 8, dropout=0.0)
    agrees_with_torch(torch, ours, theirs, 2, 3, 96, 64)


def test_only_the_gated_net_has_a_gate_behind_every_relu_of_its_convolutions():
    with nn.shapes_only():
        plain, gated = create_model("vgg16_bn").features, create_model("se_vgg16_bn").features
    kinds = [type(layer) for layer in gated]
    gates = [i for i, kind in enumerate(kinds) if kind is SqueezeExcitation]
    assert len(gates) == 13 and all(kinds[i - 1] is nn.ReLU for i in gates)
    assert [kind for kind in kinds if kind is not SqueezeExcitation] == [type(m) for m in plain]
    units = [gated[i].fc1.weight.shape[0] for i in gates]
    assert units == [4] * 2 + [8] * 2 + [16] * 3 + [32] * 6
