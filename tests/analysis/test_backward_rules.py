"""The three backward rules of a ReLU, against rules written out by hand."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import deconvolve, saliency
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.nn.fusion import relu_after
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images


@pytest.fixture
def rectified():
    """conv, ReLU, conv, sums: with what goes back through the ReLU by hand."""
    rng = np.random.default_rng(2)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).double()
    for p in model.parameters():
        p.array[:] = rng.normal(size=p.shape)
    return model


def by_hand(model, x, labels, rule):
    first, second = (model[i].weight.array[:, :, 0, 0] for i in (0, 2))
    y = model[0](x).array
    gy = np.broadcast_to(second[labels][:, :, None, None] / 9, y.shape)
    gx = {
        "plain": gy * (y > 0),
        "deconvolution": np.maximum(gy, 0),
        "guided": np.maximum(gy, 0) * (y > 0),
    }[rule]
    return np.einsum("oc,nohw->nchw", first, gx)


@pytest.mark.parametrize("rule", ["plain", "deconvolution", "guided"])
def test_a_rule_is_what_it_is_by_hand(rule, rectified):
    x, labels = images(), np.array([0, 1, 1, 0])
    found = saliency(rectified, x, labels, [rule])
    assert np.allclose(found.maps[rule], by_hand(rectified, x, labels, rule))


@pytest.mark.parametrize("rule", ["plain", "deconvolution", "guided"])
@pytest.mark.parametrize("running", [True, False])
def test_a_relu_in_a_batch_norms_pass_follows_the_same_rule(rule, running):
    class Fused(nn.Module):
        def __init__(self, apart):
            super().__init__()
            self.apart = apart
            self.bn = nn.BatchNorm2d(2, track_running_stats=running).double()
            self.bn.weight.array[:], self.bn.bias.array[:] = [2, -1], [0.5, 0.1]

        def forward(self, x):
            y = F.relu(self.bn(x)) if self.apart else relu_after(self.bn, x)
            weights = Tensor(np.random.default_rng(0).normal(size=(2, 3, 3)))
            return (y * weights).sum((2, 3))

    x = images()
    maps = [saliency(Fused(apart), x, None, [rule]).maps[rule] for apart in (False, True)]
    assert np.abs(maps[0]).max() > 0 and np.allclose(*maps)


def test_the_rules_leave_the_graph_as_it_was(rectified):
    x = images()
    both = saliency(rectified, x, rules=["guided", "plain"]).maps["plain"]
    assert np.allclose(both, saliency(rectified, x, rules=["plain"]).maps["plain"])


def test_the_deconvolution_of_a_one_hot_map_is_its_kernel():
    conv = nn.Conv2d(1, 2, 3, bias=False).double()
    conv.weight.array[:] = np.arange(18.0).reshape(2, 1, 3, 3) - 8
    x = np.zeros((1, 1, 7, 7))
    x[0, 0, 2:5, 3:6] = conv.weight.array[1, 0]  # excites channel 1 at (2, 3) most
    found = deconvolve(nn.Sequential(conv), Tensor(x), "0", [1], rule="plain")
    assert found.places.tolist() == [[2, 3]]
    part = found.parts[0, 0] / found.activations[0]
    expected = np.zeros((7, 7))
    expected[2:5, 3:6] = conv.weight.array[1, 0]
    assert np.allclose(part, expected)


def test_maxima_are_led_back_to_where_they_were():
    x = images(n=1, channels=1, side=6)
    found = deconvolve(nn.Sequential(nn.MaxPool2d(2)), x, "0", [0], "plain")
    i, j = np.unravel_index(x.array[0, 0].argmax(), (6, 6))
    expected = np.zeros((6, 6))
    expected[i, j] = x.array.max()
    assert np.array_equal(found.parts[0, 0], expected)


def test_only_the_strongest_activation_and_what_it_sees_comes_back():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    x = images(side=24)
    found = deconvolve(model, x, "layer1.0.bn1", [0, 3], "plain")
    for part, (i, j) in zip(found.parts, found.places, strict=True):
        rows, columns = (np.abs(part).sum(axis) for axis in ((0, 2), (0, 1)))
        assert set(np.flatnonzero(rows)) <= set(range(i - 2, i + 3))  # two 3 x 3 see 5 x 5
        assert set(np.flatnonzero(columns)) <= set(range(j - 2, j + 3))
    assert "layer1.0.bn1" in drawn(found).get_suptitle()


def test_channels_are_those_with_the_largest_activations():
    x = images(channels=12, side=4)
    found = deconvolve(nn.Sequential(nn.Identity(), nn.MaxPool2d(1)), x, "1", rule="plain")
    peaks = x.array.max((0, 2, 3))
    assert found.channels.tolist() == np.argsort(-peaks)[:8].tolist()
    assert np.array_equal(found.activations, peaks[found.channels])


def test_saliency_takes_the_class_that_the_model_says_and_is_drawn(rectified):
    x = images()
    found = saliency(rectified, x)
    assert np.array_equal(found.labels, rectified(x).array.argmax(1))
    assert len(drawn(found).axes) == 4 * 4


def test_what_cannot_be_is_refused(rectified):
    x = images()
    with pytest.raises(ValueError, match="saliency: rule='kind' must be one of plain, deconv"):
        saliency(rectified, x, rules=["kind"])
    with pytest.raises(KeyError, match="deconvolve: layer='9' names no module"):
        deconvolve(rectified, x, "9")
    with pytest.raises(ValueError, match=r"deconvolve: layer='4' has outputs of shape \(4, 2\)"):
        deconvolve(rectified, x, "4")
    with pytest.raises(ValueError, match=r"deconvolve: channels=\[3\] must be from 0 to 2"):
        deconvolve(rectified, x, "0", [3])


@pytest.mark.parametrize("activation", [nn.SiLU, nn.LeakyReLU])
def test_a_rule_for_relus_says_where_there_are_none(activation):
    model = nn.Sequential(
        nn.Conv2d(2, 3, 1), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).double()
    with pytest.warns(UserWarning, match="saliency: .* no ReLU.* deconvolution or guided"):
        found = saliency(model, images())
    assert np.array_equal(found.maps["guided"], found.maps["plain"])
    with pytest.warns(UserWarning, match="deconvolve: this net has no ReLU"):
        deconvolve(model, images(), "0")


def test_saliency_refuses_classes_that_there_are_not_and_works_inside_no_grad(rectified):
    for label in (2, -1):
        with pytest.raises(ValueError, match=f"saliency: labels has {label}, must be from 0 to 1"):
            saliency(rectified, images(), np.array([0, 1, 0, label]))
    with mt.no_grad():
        inside = saliency(rectified, images()).maps["plain"]
    assert np.array_equal(inside, saliency(rectified, images()).maps["plain"])
