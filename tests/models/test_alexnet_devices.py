"""AlexNet's towers on two devices: the net of one device, and what crosses between them."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import models, nn
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.nn import functional as F

SETTINGS = {"width": 1 / 24, "num_classes": 5, "dropout": 0.0}


def made(devices):
    mt.manual_seed(3)
    return models.create_model("alexnet_two_tower", devices=devices, **SETTINGS)


def without_norms(net):
    for module in net.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LocalResponseNorm):
                setattr(module, name, nn.Identity())
    return net


def test_the_halves_are_the_towers_of_the_grouped_net():
    mt.manual_seed(3)
    whole = without_norms(models.create_model("alexnet_two_tower", **SETTINGS))
    split = without_norms(made(("cpu", "cpu")))
    x = mt.randn(2, 3, 199, 199) * 50
    a, b = whole(x), split(x)
    np.testing.assert_allclose(b.detach(), a.detach(), rtol=1e-4, atol=1e-6)
    a.square().sum().backward()
    b.square().sum().backward()
    conv = whole.features[0].weight.grad.array
    halves = [part[0].weight.grad.array for part in split.first]
    np.testing.assert_allclose(np.concatenate(halves), conv, rtol=2e-3, atol=1e-5)
    assert split.crossed == {}
    assert sum(p.numel() for p in split.parameters()) == sum(p.numel() for p in whole.parameters())


@pytest.mark.skipif(not has_compiler(), reason="needs g++ on Linux")
def test_only_the_papers_layers_exchange_and_the_bytes_are_counted():
    here, there = made(("cpu", "cpu")), made(("cpu", "emulator"))
    x, target = mt.randn(1, 3, 67, 67) * 50, mt.tensor([1])
    y = there(x)
    assert y.device == "cpu" and there.conv3[1][0].weight.device == "emulator"
    np.testing.assert_allclose(y.detach(), here(x).detach(), rtol=1e-3, atol=1e-5)
    forward = dict(there.crossed)
    channels = there.first[0][-4].out_channels  # of each tower before conv3
    inputs, units = there.fc6[0][1].in_features, there.fc7[0][1].in_features
    second = there.fc7[1][1].out_features
    assert forward == {
        "image": x.array.nbytes, "conv3": 2 * 4 * channels * 3 * 3, "fc6": 4 * inputs,
        "fc7": 4 * units, "fc8": 4 * second,
    }  # fmt: skip
    F.cross_entropy(y, target).backward()
    assert there.crossed["backward"] == sum(forward.values()) - forward["image"]
    assert there.fc7[1][1].weight.grad.device == "emulator"


@pytest.mark.parametrize("devices", [("cpu",), "cpu", ("cpu", "cpu", "cpu"), ("cpu", "tpu")])
def test_two_devices_that_exist_are_needed(devices):
    with pytest.raises(ValueError, match=r"^alexnet_two_tower: device"):
        models.create_model("alexnet_two_tower", devices=devices, **SETTINGS)
