"""Parts of a net in evaluation mode stay there during training and evaluation."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.training import evaluate, fit, predict
from minitorch_cnn.training.metrics import predict_masks

X = mt.tensor(np.random.default_rng(0).normal(size=(6, 3, 2, 2)).astype("f4") + 5)
BATCHES = [(X, mt.zeros(6, 2, 2).long())]


def net():
    mt.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()))


def train(model, **settings):
    optimizer = optim.SGD(model.parameters(), 0.1)
    settings = {"epochs": 2, "progress": "none", **settings}
    return fit(model, BATCHES, BATCHES, optimizer=optimizer, **settings)


@pytest.mark.parametrize("function", [evaluate, predict, predict_masks])
def test_each_module_has_its_own_mode_again(function):
    model = net()
    model[1][0].eval()
    function(model, BATCHES)
    assert [m.training for m in model.modules()] == [True, True, True, False, True]


def test_frozen_batch_norm_keeps_its_statistics_in_all_epochs():
    model = net()
    model[1][0].eval()
    train(model, on_epoch=lambda history: model.eval() and None)
    assert not model[1][0].running_mean.array.any()
    assert [m.training for m in model.modules()] == [True, True, True, False, True]


def test_a_net_in_evaluation_mode_is_trained_in_all_its_parts_and_left_in_it():
    model = net().eval()
    train(model)
    assert model[1][0].running_mean.array.any()
    assert not any(m.training for m in model.modules())


def test_a_train_method_of_a_nets_own_is_called():
    class Frozen(nn.Sequential):
        def train(self, mode=True):
            super().train(mode)
            self[1][0].eval()
            return self

    model = Frozen(*net().children())
    train(model)
    assert not model[1][0].running_mean.array.any()
