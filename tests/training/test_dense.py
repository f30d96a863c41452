"""A classifier at every position gives the scores of the windows of its features."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.training import dense_form


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


class Functional(nn.Module):
    """A net as PyTorch's tutorials write it: functions, and a view of a known size."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 3)
        self.fc1, self.fc2 = nn.Linear(4 * 2 * 2, 6), nn.Linear(6, 3, bias=False)
        self.norm, self.drop = nn.BatchNorm1d(6), nn.Dropout(0.5)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.max_pool2d(F.relu(self.conv2(x)), 2)

    def forward(self, x):
        x = self.features(x).view(-1, 16)
        return F.log_softmax(self.fc2(self.drop(F.relu(self.norm(self.fc1(x))))), dim=1)


class Pooled(nn.Module):
    """Global pooling as a mean, by windows, or of two kinds side by side."""

    def __init__(self, pool, channels=4):
        super().__init__()
        self.conv, self.fc, self.pool = nn.Conv2d(1, 4, 3), nn.Linear(channels, 3), pool

    def features(self, x):
        return F.relu(self.conv(x))

    def forward(self, x):
        return self.fc(self.pool(self.features(x)).flatten(1))


def both(x):
    return mt.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)], 1)


NETS = {
    "functions": (Functional, 14),
    "mean": (lambda: Pooled(lambda x: x.mean((2, 3))), 7),
    "windows": (lambda: Pooled(lambda x: F.avg_pool2d(x, 5)), 7),
    "two poolings": (lambda: Pooled(both, 8), 7),
}


def randn(*shape):
    return mt.randn(*shape, dtype=mt.float64)


@pytest.mark.parametrize("name", NETS)
def test_the_score_of_a_position_is_that_of_the_window_of_features(name):
    """The features of the larger image, cut into windows, each through the rest of the net."""
    make, side = NETS[name]
    net = make().double().eval()
    with mt.no_grad():
        for parameter in net.parameters():
            parameter.copy_(randn(*parameter.shape))
        dense = dense_form(net, (1, side, side))
        x = randn(2, 1, side + 9, side + 4)
        found = dense(x).numpy()
        features = net.features(x)
        k = net.features(randn(1, 1, side, side)).shape[2]
        h, w = (n - k + 1 for n in features.shape[2:])
        assert found.shape == (2, 3, h, w)
        cut = features.clone()
        net.features = lambda window: window  # the rest of the net
        for i in range(h):
            for j in range(w):
                window = cut[:, :, i : i + k, j : j + k].contiguous()
                expected = net(window).numpy()
                np.testing.assert_allclose(found[:, :, i, j], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("alexnet", {"width": 1 / 16}, (3, 224, 224)),
        ("zfnet", {"width": 1 / 16}, (3, 224, 224)),
        ("vgg11", {"width": 1 / 32}, (3, 224, 224)),
        ("lenet5_relu", {}, (1, 32, 32)),
        ("nin_cifar", {"width": 1 / 16}, (3, 32, 32)),
        ("googlenet", {"width": 1 / 16}, (3, 64, 64)),
        ("resnet18", {"width": 1 / 16}, (3, 64, 64)),
        ("squeezenet1_1", {"width": 1 / 8}, (3, 64, 64)),
        ("shufflenet_v2_x0_5", {"width": 1 / 2}, (3, 64, 64)),
    ],
)
def test_an_image_of_the_usual_size_has_one_position_with_the_scores_of_the_net(
    name, settings, shape
):
    net = create_model(name, **{"num_classes": 5, **settings}).double().eval()
    dense, x = dense_form(net, shape), randn(2, *shape)
    with mt.no_grad():
        scores = dense(x)
        assert scores.shape == (2, 5, 1, 1)
        np.testing.assert_allclose(scores.numpy()[..., 0, 0], net(x).numpy(), rtol=1e-6, atol=1e-12)
        wider = dense(randn(1, shape[0], shape[1] + 32, shape[2] + 64))
    assert wider.shape[2] > 1 and wider.shape[3] > wider.shape[2]


def test_the_weights_are_those_of_the_net():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 4 * 4, 3)).eval()
    dense, x = dense_form(net, (1, 6, 6)), mt.randn(1, 1, 6, 6)
    with mt.no_grad():
        net[2].bias += 1
        np.testing.assert_allclose(dense(x).numpy()[..., 0, 0], net(x).numpy(), rtol=1e-5)


def test_what_is_no_function_of_one_position_is_refused():
    normed = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LayerNorm(32), nn.Linear(32, 3))
    with pytest.raises(ValueError, match=r"dense_form: 2/.* cannot be applied position by"):
        dense_form(normed, (1, 6, 6))
    with pytest.raises(ValueError, match="avgpool changes the size of the features"):
        dense_form(create_model("vgg11", width=1 / 32, num_classes=3), (3, 32, 32))
    dense = dense_form(create_model("lenet5_relu"), (1, 32, 32))
    with pytest.raises(ValueError, match=r"dense_form: x of shape \(1, 1, 31, 40\) must be"):
        dense(mt.zeros(1, 1, 31, 40))
