"""A thousand training steps leak no memory."""

import gc
import tracemalloc

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import functional as F


@pytest.mark.slow
def test_a_thousand_steps_do_not_grow_memory():
    mt.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip
    optimizer = mt.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    images = mt.tensor(rng.standard_normal((4, 1, 8, 8)).astype(np.float32))
    target = mt.tensor(rng.integers(3, size=4))

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad()
            F.cross_entropy(net(images), target).backward()
            optimizer.step()

    def held():
        """Objects of Python, and bytes of NumPy's arrays."""
        objects = len(gc.get_objects())
        of_arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        traces = tracemalloc.take_snapshot().filter_traces([of_arrays]).traces
        return objects, sum(trace.size for trace in traces)

    steps(20)  # compiles
    # Nothing may wait for the collector of cycles: a net's activations would wait with it.
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        steps(20)
        objects, memory = held()
        steps(1000)
        objects_later, memory_later = held()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert objects_later < objects + 500
    assert memory_later < memory + 1000
