"""The degradation experiment trains the named models under equal conditions."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import Degradation, degradation
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(18, 2)).double()


@pytest.fixture
def labelled():
    """Images whose class a linear net can learn."""
    x = images(n=60)
    return x, (x.array[:, 0].mean((1, 2)) > 0).astype(int)


def test_a_net_that_can_learn_it_learns_it_and_one_that_cannot_does_not(labelled):
    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Linear(1, 2).double().bias

        def forward(self, x):
            return self.bias + Tensor(np.zeros((len(x), 2)))

    found = degradation({"linear": linear, "deaf": Deaf}, *labelled, epochs=12)
    assert found.errors["linear"][-1] < 0.05 and found.errors["linear"].shape == (12,)
    assert found.losses["linear"][-1] < found.losses["linear"][0]
    assert found.errors["deaf"][-1] > 0.3
    figure = drawn(found)
    for ax in figure.axes:
        assert all(tick == round(tick) for tick in ax.get_xticks())
    assert [ax.get_ylabel() for ax in figure.axes] == ["training error (%)", "training loss"]


def test_equal_nets_get_equal_weights_batches_and_results(labelled):
    found = degradation({"a": linear, "b": linear}, *labelled, epochs=2)
    assert np.array_equal(found.losses["a"], found.losses["b"])
    other = degradation({"a": linear}, *labelled, epochs=2, seed=1)
    assert not np.array_equal(found.losses["a"], other.losses["a"])


def test_each_epoch_sees_every_image_once_and_the_last_batch_may_be_short(labelled):
    x, labels = labelled
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = linear()

        def forward(self, x):
            seen.append(x.array)
            return self.net(x)

    degradation({"spy": Spy}, x, labels, epochs=2, batch_size=32)
    assert [len(batch) for batch in seen] == [32, 28] * 2
    for epoch in (seen[:2], seen[2:]):
        rows = np.concatenate(epoch).reshape(60, -1)
        assert np.array_equal(np.sort(rows, axis=0), np.sort(x.array.reshape(60, -1), axis=0))
    assert not np.array_equal(seen[0], seen[2])


def test_the_test_error_is_that_of_the_other_images_after_each_epoch(labelled):
    x, labels = labelled
    nets = []

    def kept():
        nets.append(linear())
        return nets[-1]

    others = images(n=40, seed=1)
    wrong = (others.array[:, 0].mean((1, 2)) <= 0).astype(int)  # the other way round
    found = degradation({"net": kept}, x, labels, epochs=8, test=(others, wrong))
    answers = nets[0](others).array.argmax(1)
    assert found.test_errors is not None and found.test_errors["net"].shape == (8,)
    assert found.test_errors["net"][-1] == np.mean(answers != wrong) > 0.5
    labels_of_axes = [ax.get_ylabel() for ax in drawn(found).axes]
    assert labels_of_axes == ["training error (%)", "test error (%)", "training loss"]


def test_what_cannot_be_is_refused(labelled):
    with pytest.raises(ValueError, match="degradation: nets must name at least one net"):
        degradation({}, *labelled)
    with pytest.raises(ValueError, match="epochs=0"):
        degradation({"a": linear}, *labelled, epochs=0)


def test_a_single_epoch_is_a_point_in_the_middle():
    once = {"net": np.array([0.5])}
    for ax in drawn(Degradation(once, once)).axes:
        assert ax.get_xlim() == (0, 2) and ax.get_xticks().tolist() == [1]
