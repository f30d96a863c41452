"""A run of a model says what ran when, and keeps no arrays."""

import numpy as np

from minitorch_cnn import nn
from minitorch_cnn.analysis.trace import run_through, trace
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.body(x), 1).flatten(1))


def test_times_are_those_of_every_run_whatever_the_number_of_images():
    net, seen = Net(), {}
    found = trace(net, (1, 6, 6), "test")
    images = Tensor(np.ones((4, 1, 6, 6), np.float32))
    again, answer = run_through(net, images, "test", lambda time, y: seen.update({time: y.shape}))
    times = [(call.name, call.began, call.ended) for call in found.calls]
    assert times == [(call.name, call.began, call.ended) for call in again.calls]
    assert [(f.name, f.time) for f in found.functions] == [
        (f.name, f.time) for f in again.functions
    ]
    assert all(seen[call.ended] == (4, *call.output_shape) for call in found.calls)
    assert answer.shape == (4, 3)


def test_a_run_keeps_nothing_for_a_backward_pass():
    run, _ = run_through(Net(), Tensor(np.ones((2, 1, 6, 6), np.float32)), "test")
    assert [call.name for call in run.functions][-3:] == [
        "adaptive_avg_pool2d",
        "flatten",
        "linear",
    ]
    assert not any(node.saved_ or node.kept_ for call in run.functions for node in call.nodes)
    assert not any(call.frame for call in run.functions)
