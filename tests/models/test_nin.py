"""Network in Network: its stages, where dropout is, and the network in PyTorch's layers."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model
from minitorch_cnn.models.nin import MLPConv
from tests.models.compare import agrees_with_torch, gradients_are_slopes


@pytest.mark.parametrize(
    "name, size, stages",
    [
        (
            "nin_cifar",
            32,
            ["192x32 160x32 96x32", "96x16", "192x16 192x16 192x16", "192x8", "192x8 192x8 10x8"],
        ),
        (
            "nin_imagenet",
            224,
            ["96x54 96x54 96x54", "96x27", "256x27 256x27 256x27", "256x13",
             "384x13 384x13 384x13", "384x6", "1024x6 1024x6 1000x6"],
        ),
    ],
)  # fmt: skip
def test_stages_have_their_channels_and_sizes(name, size, stages):
    with nn.shapes_only():
        rows = summary(create_model(name), (3, size, size)).rows
    found = [row.output_shape for row in rows if row.type in ("Conv2d", "MaxPool2d", "AvgPool2d")]
    expected = [tuple(map(int, layer.split("x"))) for layer in " ".join(stages).split()]
    assert found == [(channels, side, side) for channels, side in expected]


def test_a_score_is_the_average_of_the_map_of_its_class():
    mt.manual_seed(0)
    model = create_model("nin_cifar", width=1 / 8).eval()
    x = mt.randn(2, 3, 32, 32)
    maps = model.features(x)
    assert maps.shape == (2, 10, 8, 8) and maps.min().item() >= 0
    assert mt.allclose(model(x), maps.mean((2, 3)), atol=1e-6)


def test_dropout_and_poolings_are_where_the_authors_have_them():
    with nn.shapes_only():
        cifar, imagenet = create_model("nin_cifar", dropout=0.3), create_model("nin_imagenet")
    block, pool, drop = "MLPConv", "MaxPool2d", "Dropout"
    kinds = [[type(layer).__name__ for layer in model.features] for model in (cifar, imagenet)]
    assert kinds[0] == [block, pool, drop, block, "AvgPool2d", drop, block]
    assert kinds[1] == [block, pool, block, pool, block, pool, drop, block]
    assert cifar.features[2].p == 0.3 and imagenet.features[6].p == 0.5


def test_weights_start_as_the_authors_drew_them():
    mt.manual_seed(0)
    convs = [m for m in create_model("nin_imagenet").modules() if isinstance(m, nn.Conv2d)]
    spread = [round(conv.weight.std().item(), 3) for conv in convs]
    assert spread == pytest.approx(
        [0.01, 0.05, 0.05, 0.05, 0.05, 0.05, 0.01, 0.05, 0.05, 0.05, 0.05, 0.01], abs=0.002
    )


def test_an_mlpconv_layer_has_the_gradients_that_differences_show():
    gradients_are_slopes(MLPConv(2, (3, 4, 2), 3, 2, 1), 2, 2, 5, 6)


def test_outputs_and_gradients_are_those_of_pytorchs_layers():
    torch = pytest.importorskip("torch")
    from torch.nn import AdaptiveAvgPool2d, AvgPool2d, Conv2d, Flatten, MaxPool2d, ReLU

    theirs = torch.nn.Sequential(
        Conv2d(3, 24, 5, padding=2), ReLU(), Conv2d(24, 20, 1), ReLU(), Conv2d(20, 12, 1), ReLU(),
        MaxPool2d(3, 2, ceil_mode=True),
        Conv2d(12, 24, 5, padding=2), ReLU(), Conv2d(24, 24, 1), ReLU(), Conv2d(24, 24, 1), ReLU(),
        AvgPool2d(3, 2, ceil_mode=True),
        Conv2d(24, 24, 3, padding=1), ReLU(), Conv2d(24, 24, 1), ReLU(), Conv2d(24, 10, 1), ReLU(),
        AdaptiveAvgPool2d(1), Flatten(),
    )  # fmt: skip
    mt.manual_seed(0)
    ours = create_model("nin_cifar", width=1 / 8, dropout=0.0)
    agrees_with_torch(torch, ours, theirs, 2, 3, 32, 32)
