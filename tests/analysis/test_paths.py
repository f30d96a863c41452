"""Path counts are binomial, and of a linear net the gradient of each path is known."""

import math

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import gradient_by_path_length, path_lengths
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images, linear_residual_net


def test_the_paths_of_every_length_are_binomial_and_exact():
    found = path_lengths(54)
    assert found.counts[:3] == [1, 54, 1431] and sum(found.counts) == 2**54
    assert found.mean == pytest.approx(27) and found.shares.sum() == pytest.approx(1)
    assert "2^54" in drawn(found).axes[0].get_title(loc="left")


def test_a_net_of_no_blocks_has_one_path():
    assert path_lengths(0).counts == [1]
    with pytest.raises(ValueError, match="path_lengths: blocks=-1 must not be negative"):
        path_lengths(-1)


def test_the_gradient_of_a_path_is_the_product_of_its_branches():
    # Each branch multiplies by f: of k branches f^k is left of the gradient at the logits.
    f, n, x = 0.3, 4, images()
    model = linear_residual_net([f] * n)
    found = gradient_by_path_length(model, x, samples=2)
    logits = Tensor(model(x).array, requires_grad=True)
    F.cross_entropy(logits, Tensor(np.zeros(4, np.int64))).backward()
    at_the_head = np.linalg.norm(logits.grad.array) / 3  # a mean of 9 pixels
    assert np.allclose(found.norms, at_the_head * f ** np.arange(n + 1))
    paths = np.array([math.comb(n, k) * f**k for k in range(n + 1)])
    assert np.allclose(found.total, paths / paths.sum())
    drawn(found)


def test_blocks_that_differ_are_drawn_by_their_length_only():
    found = gradient_by_path_length(
        linear_residual_net([0.1, 10.0]),
        images(),
        lengths=[1],
        samples=200,
        generator=np.random.default_rng(0),
    )
    whole = gradient_by_path_length(linear_residual_net([0.1, 10.0]), images(), lengths=[0])
    assert found.norms[0] / whole.norms[0] == pytest.approx((0.1 + 10) / 2, rel=0.15)


def test_all_paths_together_are_the_gradient_of_a_real_net_again():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    x, before = images(side=8), None
    for _ in range(2):  # the graph's edges must be whole again after each path
        found = gradient_by_path_length(model, x, lengths=[0, 9], samples=2)
        assert np.all(found.norms > 0)
        if before is not None:
            assert np.allclose(found.norms, before)
        before = found.norms


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="gradient_by_path_length: Sequential has no residual"):
        gradient_by_path_length(nn.Sequential(nn.Conv2d(2, 2, 1).double(), nn.Flatten()), images())
    with pytest.raises(ValueError, match=r"lengths=\[3\] must be from 0 to 2"):
        gradient_by_path_length(linear_residual_net([1, 1]), images(), lengths=[3])
