"""Optimizers on other devices: the same steps, and state that follows a moved model."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim

OPTIMIZERS = [
    lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    lambda ps: optim.RMSprop(ps, lr=0.01, momentum=0.5, centered=True),
    lambda ps: optim.Adam(ps, lr=0.01, weight_decay=0.1, amsgrad=True),
    lambda ps: optim.AdamW(ps, lr=0.01),
    lambda ps: optim.Adagrad(ps, lr=0.01, initial_accumulator_value=0.1),
    lambda ps: optim.Adadelta(ps, weight_decay=0.1),
    lambda ps: optim.Adamax(ps, lr=0.01),
    lambda ps: optim.NAdam(ps, lr=0.01, weight_decay=0.1),
    lambda ps: optim.RAdam(ps, lr=0.01, betas=(0.5, 0.9)),
    lambda ps: optim.LARS(ps, lr=0.1, weight_decay=0.01),
]


def trained(make, devices, reload=False):
    """The weights after a step on each of `devices`, the model moving between them."""
    mt.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = make(net.parameters())
    for device in devices:
        net.to(device)
        if reload:
            state, optimizer = optimizer.state_dict(), make(net.parameters())
            optimizer.load_state_dict(state)
        x, target = mt.randn(6, 4, device=device), mt.randint(3, (6,), device=device)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), target).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        nn.utils.clip_grad_value_(net.parameters(), 0.2)
        optimizer.step()
    assert {p.device for p in net.parameters()} == {devices[-1]}
    return np.concatenate([p.detach().cpu().numpy().ravel() for p in net.parameters()])


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("reload", [False, True])
def test_steps_are_the_same_wherever_they_are_made_and_state_follows_the_model(make, reload):
    here = trained(make, ["cpu"] * 4)
    for places in (["emulator"] * 4, ["cpu", "emulator", "emulator", "cpu"]):
        np.testing.assert_allclose(trained(make, places, reload), here, rtol=1e-5, atol=1e-7)
