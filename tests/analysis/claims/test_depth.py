"""Copies of shallow nets, and nets of a given size."""

import numpy as np
import pytest

from minitorch_cnn.analysis.claims.depth import copied, net_of_depth, parameters, plain_net, widest
from minitorch_cnn.random import manual_seed
from minitorch_cnn.tensor import Tensor


@pytest.fixture
def shallow():
    manual_seed(0)
    net = plain_net(1)
    net.train()(Tensor(np.random.default_rng(0).normal(size=(8, 1, 8, 8)).astype(np.float32)))
    return net.eval()


def test_a_copy_with_identities_is_deeper_and_computes_the_same(shallow):
    x = np.random.default_rng(1).normal(size=(6, 1, 8, 8)).astype(np.float32)
    deep = copied(shallow, 3, x).eval()
    count = [sum(p.ndim == 4 for p in net.parameters()) for net in (shallow, deep)]
    assert count == [7, 19]
    other = np.random.default_rng(2).normal(size=(6, 1, 8, 8)).astype(np.float32)
    for images in (x, other):
        assert np.allclose(deep(Tensor(images)).array, shallow(Tensor(images)).array, atol=1e-5)


def test_the_identities_remain_so_in_training_on_the_images_of_their_statistics(shallow):
    x = np.random.default_rng(1).normal(size=(6, 1, 8, 8)).astype(np.float32)
    deep = copied(shallow, 2, x)
    stage = deep.layer1
    maps = stage[0].eval()(deep.relu(deep.bn1.eval()(deep.conv1(Tensor(x)))))
    assert np.allclose(stage[1].train()(maps).array, maps.array, atol=1e-4)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_parameters_of_a_net_are_counted_by_formula_and_the_widest_fits(depth):
    for width in (1, 5):
        net = net_of_depth(depth, width)
        assert parameters(depth, width) == sum(p.numel() for p in net.parameters())
    width = widest(depth, 5000)
    assert parameters(depth, width) <= 5000 < parameters(depth, width + 1)
