"""The first place with a NaN or an infinity is named."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.training.nonfinite import find_nonfinite, finite, has_nonfinite_gradient


class Log(nn.Module):
    """log(x) or sqrt(x): the one breaks forward at 0, the other backward."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def net(*middle):
    mt.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), *middle, nn.Linear(4, 2))


def place(model, x=None, loss=mt.functional.cross_entropy):
    x = mt.ones(5, 3) if x is None else x
    return find_nonfinite(model, x, mt.zeros(5).long(), loss)


def zeros_before(function):
    model = net(Log(function))
    model[0].weight.array[...] = 0
    model[0].bias.array[...] = 0
    return model


def test_the_layer_whose_output_is_the_first():
    assert place(zeros_before(mt.log)) == "the output of layer '2' (Log)"


def test_the_layer_at_whose_output_the_gradient_is_the_first():
    # sqrt has an infinite slope at 0: the first output whose gradient is infinite is its input.
    assert place(zeros_before(mt.sqrt)) == "the gradient at layer '1' (ReLU)"


def test_the_parameter_that_is_broken_already():
    model = net()
    model[2].bias.array[1] = np.nan
    assert place(model) == "the parameter '2.bias'"


def test_the_batch():
    assert place(net(), mt.full((5, 3), float("inf"))) == "the batch itself"


def test_the_loss():
    assert place(net(), loss=lambda y, _: (y.sum() * 0).log()) == "the loss"


def test_the_gradient_of_a_parameter():
    class Slope(mt.autograd.ArrayFunction):
        @staticmethod
        def forward(ctx, w):
            return w * 1

        @staticmethod
        def backward(ctx, gw):
            return gw * np.inf

    class Broken(nn.Linear):
        def forward(self, x):
            return mt.functional.linear(x, Slope.apply(self.weight), self.bias)

    assert place(nn.Sequential(Broken(3, 2))) == "the gradient of the parameter '0.weight'"


def test_a_batch_that_is_fine_the_second_time():
    assert place(net()) == "a place that a second run of the batch does not show"


def test_gradients_are_looked_at():
    model = net()
    assert not has_nonfinite_gradient(model)
    model[0].weight.grad = mt.zeros_like(model[0].weight)
    assert not has_nonfinite_gradient(model)
    model[0].weight.grad.array[1, 1] = np.nan
    assert has_nonfinite_gradient(model)


@pytest.mark.parametrize("value, is_finite", [(3e38, True), (np.inf, False), (np.nan, False)])
def test_large_numbers_are_finite_though_their_sum_is_not(value, is_finite):
    assert finite(mt.Tensor(np.full(100, value, np.float32))) is is_finite


def test_no_hook_stays_behind():
    model = net()
    place(model)
    assert not any(module._forward_hooks for module in model.modules())
