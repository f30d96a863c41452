"""The moving average of weights: its values, its buffers, and that the module gets its own back."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


def net():
    return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))


def fill(module, value):
    module.load_state_dict({k: np.full(t.shape, value) for k, t in module.state_dict().items()})


def values(state):
    return {name: set(np.ravel(array).tolist()) for name, array in state.items()}


def test_weights_are_averaged_and_buffers_copied():
    module = net()
    fill(module, 8)
    ema = optim.ExponentialMovingAverage(module, decay=0.75)
    fill(module, 0)
    ema.update()
    fill(module, 4)
    ema.update()  # 8 -> 6 -> 5.5
    weights = {name for name, _ in module.named_parameters()}
    expected = {name: {5.5 if name in weights else 4} for name in module.state_dict()}
    assert values(ema.state_dict()) == expected
    assert ema.state_dict()["1.num_batches_tracked"].dtype == mt.int64


def test_the_module_has_the_average_inside_the_block_and_its_own_weights_after():
    module = net()
    fill(module, 8)
    ema = optim.ExponentialMovingAverage(module, decay=0.5)
    fill(module, 4)
    weight, array = module[0].weight, module[0].weight.array
    with pytest.raises(ZeroDivisionError), ema.applied() as inside:
        assert inside is module and module[0].weight is weight
        assert weight.detach().max() == 8
        raise ZeroDivisionError
    assert module[0].weight.array is array and weight.detach().max() == 4
    ema.copy_to(module)
    assert weight.detach().max() == 8


def test_averages_survive_a_reload():
    module = net()
    ema = optim.ExponentialMovingAverage(module, decay=0.5)
    other = optim.ExponentialMovingAverage(net(), decay=0.5)
    other.load_state_dict(ema.state_dict())
    assert values(other.state_dict()) == values(ema.state_dict())
    other.load_state_dict(module.state_dict())


def test_averages_that_do_not_fit_are_refused_whole():
    ema = optim.ExponentialMovingAverage(net(), decay=0.5)
    before = values(ema.state_dict())
    state = {
        **ema.state_dict(),
        "0.weight": np.zeros((2, 2)),
        "1.bias": np.zeros(3),
        "x": np.zeros(1),
    }
    del state["0.bias"]
    with pytest.raises(
        RuntimeError, match=r"missing, unexpected or mis-shaped 0\.bias, x, 1\.bias"
    ):
        ema.load_state_dict(state)
    assert values(ema.state_dict()) == before


def test_half_weights_are_averaged_in_float32():
    model = nn.Linear(1, 1, bias=False).to(mt.float16)
    model.weight.array[...] = 1
    average = optim.ExponentialMovingAverage(model, 0.9999)
    model.weight.array[...] = 2
    for _ in range(1000):
        average.update()
    expected = 2 - 0.9999**1000
    assert average.state_dict()["weight"].item() == pytest.approx(expected, rel=1e-5)
    with average.applied():
        assert model.weight.dtype == mt.float16
        assert model.weight.item() == pytest.approx(expected, rel=1e-3)
