"""Mistakes that would pass silently are refused before training."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.optim.lr_scheduler import ReduceLROnPlateau, SequentialLR, StepLR
from minitorch_cnn.training import fit

BATCHES = [(mt.ones(4, 3), mt.zeros(4).long())]


def refused(message, model, optimizer, error=ValueError, **settings):
    with pytest.raises(error, match=f"^fit: {message}"):
        fit(model, BATCHES, epochs=1, optimizer=optimizer, progress="none", **settings)


def net():
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def test_an_optimizer_with_parameters_of_another_net_is_refused():
    model, other = net(), net()
    refused("optimizer holds 4 of 4", model, optim.SGD(other.parameters(), 0.1))
    both = [*model.parameters(), *other[1].parameters()]
    refused("optimizer holds 2 of 6", model, optim.Adam(both))


def test_an_optimizer_from_before_a_layer_was_replaced_is_refused():
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    model[1] = nn.Linear(4, 3)
    refused("optimizer holds 2 of 4", model, optimizer)


def test_an_optimizer_without_a_parameter_that_trains_is_refused():
    model = net().requires_grad_(False)
    refused("optimizer holds no trainable parameter", model, optim.SGD(model.parameters(), 0.1))


def test_a_scheduler_of_another_optimizer_is_refused():
    model = net()
    one, other = (optim.SGD(model.parameters(), 0.1) for _ in range(2))
    for scheduler in (
        StepLR(other, 1),
        ReduceLROnPlateau(other),
        SequentialLR(other, [StepLR(other, 1), StepLR(other, 2)], [1]),
    ):
        refused("scheduler is of another optimizer", model, one, scheduler=scheduler)


def test_a_plateau_after_every_step_is_refused():
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    settings = {"scheduler": ReduceLROnPlateau(optimizer), "scheduler_every": "step"}
    refused("scheduler_every='step' must be 'epoch'", model, optimizer, **settings)


def test_a_plateau_that_waits_for_a_larger_loss_is_refused():
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    scheduler = ReduceLROnPlateau(optimizer, mode="max")
    refused("scheduler has mode='max'", model, optimizer, scheduler=scheduler)


def test_counts_that_are_no_integers_are_refused():
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    for name, value in (("accumulate", 2.5), ("patience", True), ("checkpoint_every", "3")):
        refused(
            f"{name}={value!r} must be an integer", model, optimizer, TypeError, **{name: value}
        )


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"average": "ema"}, TypeError, "average='ema' must be a number"),
    ({"average": 1.5}, ValueError, r"average=1.5 must be in \[0, 1\]"),
    ({"clip_norm": True}, TypeError, "clip_norm=True must be a number"),
    ({"clip_norm": -1.0}, ValueError, "clip_norm=-1.0 must be above 0"),
    ({"clip_norm": float("nan")}, ValueError, "clip_norm=nan must be above 0"),
    ({"on_epoch": 3}, TypeError, "on_epoch must be a function, got int"),
])  # fmt: skip
def test_numbers_and_callbacks_that_do_not_fit_are_refused(settings, error, message):
    model = net()
    refused(message, model, optim.SGD(model.parameters(), 0.1), error, **settings)


def test_things_of_another_kind_are_refused():
    model = net()
    optimizer = optim.SGD(model.parameters(), 0.1)
    refused("loss must be a function", model, optimizer, TypeError, loss="mse")
    refused("scheduler must be an LRScheduler", model, optimizer, TypeError, scheduler=0.1)
    refused("model must be a Module", abs, optimizer, TypeError)
    refused("optimizer must be an Optimizer, got str", model, "sgd", TypeError)


def test_a_head_alone_can_be_trained():
    model = net()
    optimizer = optim.SGD(model[1].parameters(), 0.1)
    assert len(fit(model, BATCHES, epochs=1, optimizer=optimizer, progress="none")) == 1
