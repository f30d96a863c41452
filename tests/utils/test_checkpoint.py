"""A chain of functions computed again in backward, segment by segment."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.utils.checkpoint import checkpoint, checkpoint_sequential


def test_checkpoint_is_mts():
    assert checkpoint is mt.checkpoint


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_a_chain_has_the_values_and_the_gradients_of_one_without_checkpoints(segments):
    mt.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    x = mt.randn(5, 3, requires_grad=True)
    y = net(x)
    y.square().sum().backward()
    want = [x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())]
    net.zero_grad()
    x.grad = None
    again = checkpoint_sequential(net, segments, x, use_reentrant=False)
    again.square().sum().backward()
    got = [x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())]
    np.testing.assert_array_equal(again.detach().numpy(), y.detach().numpy())
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-6, atol=1e-7)


def test_all_segments_but_the_last_run_twice():
    runs = []

    def counted(i):
        return lambda x: runs.append(i) or x * 2

    x = mt.ones(2, requires_grad=True)
    checkpoint_sequential([counted(i) for i in range(5)], 2, x).sum().backward()
    assert runs == [0, 1, 2, 3, 4, 0, 1]
    assert x.grad.tolist() == [32, 32]


@pytest.mark.parametrize("segments", [0, 3])
def test_a_number_of_segments_that_cannot_be_is_refused(segments):
    with pytest.raises(ValueError, match=rf"^checkpoint_sequential: segments={segments} must be"):
        checkpoint_sequential([abs, abs], segments, mt.ones(1))
