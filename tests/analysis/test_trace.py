"""A trace says which module was given and gave what, and when, without computing."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.trace import trace, trace_of
from minitorch_cnn.graph import CaptureError
from minitorch_cnn.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.body(x), 1).flatten(1))


def test_calls_have_the_shapes_of_one_sample_and_contain_each_other():
    run = trace(Net(), (1, 6, 6), "test")
    assert [(call.name, call.input_shape, call.output_shape) for call in run.calls] == [
        ("body.0", (1, 6, 6), (2, 4, 4)),
        ("body.1", (2, 4, 4), (2, 4, 4)),
        ("body", (1, 6, 6), (2, 4, 4)),
        ("fc", (2,), (3,)),
        ("", (1, 6, 6), (3,)),
    ]
    conv, relu, body, fc, whole = run.calls
    assert whole.began < body.began < conv.began < conv.ended < relu.began < body.ended < fc.began
    assert body.outputs == relu.outputs and conv.outputs == relu.inputs


def test_nodes_know_the_function_that_the_net_called():
    run = trace(Net(), (1, 6, 6), "test")
    found = [run.places[node.name].function for node in run.graph]
    assert found == ["conv2d", "relu", "adaptive_avg_pool2d", "flatten", "linear"]
    assert len({place.call for place in run.places.values()}) == 5


def test_a_batch_that_a_net_depends_on_is_taken_out_of_shapes():
    class Loop(nn.Module):
        def forward(self, x):
            return mt.stack([image * 2 for image in x])

    run = trace_of(Loop(), mt.tensor(np.zeros((3, 1, 4, 4), np.float32)), "test")
    assert (run.batch, run.free, run.calls[-1].output_shape) == (3, False, (1, 4, 4))
    assert trace(nn.Identity(), (5, 1, 4, 4), "test").free


def test_what_cannot_be_captured_is_refused_in_the_callers_name():
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(CaptureError, match=r"^test: Branch branches on the value"):
        trace(Branch(), (1, 4, 4), "test")
