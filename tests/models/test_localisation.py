"""A classifier's layers predict boxes."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.localisation import BoxRegression


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


@pytest.mark.parametrize(("per_class", "shape"), [(False, (2, 4)), (True, (2, 5, 4))])
def test_the_last_layer_gives_a_box_for_all_classes_or_for_each(per_class, shape):
    net = create_model("vgg11", num_classes=5, width=1 / 32).eval()
    boxes = BoxRegression(net, per_class).eval()
    x = mt.randn(2, 3, 32, 32)
    y = boxes(x)
    assert y.shape == shape
    kept = [name for name in net.state_dict() if not name.startswith("classifier.6")]
    state = boxes.net.state_dict()
    assert all(mt.equal(state[name], net.state_dict()[name]) for name in kept)
    y.sum().backward()
    assert all(p.grad is not None for p in boxes.parameters())
    assert all(p.grad is None for p in net.parameters())
    assert net(x).shape == (2, 5)


def test_the_boxes_of_a_class_are_its_four_outputs():
    boxes = BoxRegression(nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), per_class=True)
    x = mt.randn(4, 6)
    linear = boxes.net[1]
    expected = x.numpy() @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    found = boxes(x).detach().numpy()
    for k in range(3):
        np.testing.assert_allclose(found[:, k], expected[:, 4 * k : 4 * k + 4], rtol=1e-5)


def test_a_net_that_ends_in_a_convolution_is_refused():
    with pytest.raises(ValueError, match="BoxRegression: net=NIN must end in a linear layer"):
        BoxRegression(create_model("nin_cifar"))
