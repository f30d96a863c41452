"""The context of evaluation mode."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn.evaluation import evaluation, first_output


def test_each_module_has_its_own_mode_again_even_after_an_error():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(), nn.ReLU()).train()
    net[0].eval()
    before = [module.training for module in net.modules()]
    with pytest.raises(KeyError), evaluation(net):
        assert not any(module.training for module in net.modules())
        raise KeyError
    assert [module.training for module in net.modules()] == before == [True, False, True, True]


def test_the_first_output_is_the_one_without_auxiliary_heads():
    logits, head = mt.zeros(1), mt.ones(1)
    assert first_output(logits) is first_output((logits, head)) is first_output([logits]) is logits
    assert first_output({"out": [logits], "aux": head}) is logits
    assert first_output(()) == ()
