"""The model of scaling, against simulations of its own rules."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.distributed.scaling import (
    Gradient,
    Network,
    all_reduce_seconds,
    in_buckets,
    measure_backward,
    predict,
    wire_bytes,
)


def ring(size, workers, network):
    """All workers of a ring, message by message: reduce-scatter, then all-gather."""
    clock = np.zeros(workers)
    for _ in range(2 * (workers - 1)):
        clock = np.maximum(clock, np.roll(clock, 1))
        clock = clock + network.latency + size / workers / network.bandwidth
    return clock.max()


@pytest.mark.parametrize("workers", [2, 3, 8, 100])
def test_the_ring_formula_is_that_of_its_messages(workers):
    network = Network(1e-5, 1e9)
    wanted = ring(10**8, workers, network)
    assert all_reduce_seconds(10**8, workers, network, "ring") == pytest.approx(wanted)
    assert wire_bytes(100, workers) == pytest.approx(200 * (workers - 1) / workers)


def test_trees_win_for_small_messages_and_rings_for_large_ones():
    network = Network(1e-5, 1e9)
    for size, best in ((1000, "tree"), (10**9, "ring")):
        assert all_reduce_seconds(size, 128, network) == all_reduce_seconds(
            size, 128, network, best
        )
    assert all_reduce_seconds(10**9, 1, network) == 0


@pytest.mark.parametrize("settings", [{"workers": 0}, {"workers": 2, "algorithm": "star"}])
def test_what_cannot_be_is_refused(settings):
    with pytest.raises(ValueError, match=r"^all_reduce_seconds: (workers=0|algorithm='star')"):
        all_reduce_seconds(1, network=Network(0, 1), **settings)


def test_buckets_close_when_they_are_full_the_first_one_early():
    gradients = [Gradient(i / 10, 2**19) for i in range(10)]
    assert in_buckets(gradients, 2**21) == [
        Gradient(0.1, 2**20), Gradient(0.5, 2**21), Gradient(0.9, 2**21),
    ]  # fmt: skip


def test_reductions_wait_for_gradients_and_for_each_other():
    gradients = [Gradient(0.5, 2**21), Gradient(0.6, 2**21), Gradient(1.0, 2**21)]
    network = Network(0.0, 2**22)  # a bucket takes 0.5 s on two workers
    step = predict(gradients, forward=1, backward=2, workers=2, network=network, cap=1)
    assert step.spans == [(1.0, 1.5), (1.5, 2.0), (2.0, 2.5)]
    assert step.exposed == 0.5 and step.communication == 1.5
    assert step.efficiency == 3 / 3.5 and step.hidden == pytest.approx(2 / 3)
    alone = predict(gradients, forward=1, backward=2, workers=1, network=network)
    assert alone.efficiency == 1 and alone.hidden == 1


def test_backward_is_measured_in_the_order_of_its_gradients():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    found = measure_backward(net, mt.ones(2, 4))
    assert found[0].bytes == 24 and sum(g.bytes for g in found) == 4 * 21
    times = [g.ready for g in found]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= 1
    assert net[0].weight.grad is None
