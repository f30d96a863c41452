"""Averaged models and their schedule, against PyTorch's and by hand."""

import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.optim import swa_utils


def model_with(value):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    for p in model.parameters():
        nn.init.constant_(p, value)
    return model


def updated(*values, **settings):
    averaged = swa_utils.AveragedModel(model_with(values[0]), **settings)
    for value in values:
        averaged.update_parameters(model_with(value))
    return averaged


@pytest.mark.parametrize("settings, expected", [
    ({}, 3), ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, 3),
    ({"avg_fn": swa_utils.get_swa_avg_fn()}, 3),
    ({"avg_fn": swa_utils.get_ema_avg_fn(0.5)}, 3.75),
    ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.5), "use_buffers": True}, 3.75),
    ({"avg_fn": lambda a, p, n: a + p + n}, 12),
])  # fmt: skip
def test_weights_are_averaged_as_told(settings, expected):
    averaged = updated(1.0, 2.0, 6.0, **settings)
    assert averaged.n_averaged.item() == 3
    for p in averaged.parameters():
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-6)
    assert "n_averaged" in averaged.state_dict() and "module.0.weight" in averaged.state_dict()


def test_buffers_are_copied_or_averaged():
    for use_buffers, expected in ((False, 4.0), (True, 3.0)):
        averaged = swa_utils.AveragedModel(model_with(0.0), use_buffers=use_buffers)
        for value in (2.0, 4.0):
            model = model_with(0.0)
            nn.init.constant_(model[1].running_mean, value)
            model[1].num_batches_tracked += 7
            averaged.update_parameters(model)
        assert averaged.module[1].running_mean.tolist() == [expected] * 2
        assert averaged.module[1].num_batches_tracked.item() == 7


def test_the_model_stays_and_the_average_computes():
    model = model_with(1.0)
    averaged = swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    x = mt.randn(5, 2)
    assert mt.equal(averaged.eval()(x), model.eval()(x))
    with pytest.raises(ValueError, match="exclude each other"):
        swa_utils.AveragedModel(model, avg_fn=max, multi_avg_fn=max)
    with pytest.raises(ValueError, match="decay=2"):
        swa_utils.get_ema_avg_fn(2)


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x, 1], lambda x: (x,)])
def test_update_bn_keeps_the_mean_of_the_batches_statistics(rng, wrap):
    batches = [rng.standard_normal((4, 2)).astype(np.float32) for _ in range(3)]
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5)).eval()
    model[0].running_mean.fill_(9.0)
    swa_utils.update_bn([wrap(mt.tensor(b)) for b in batches], model)
    means = [b.mean(0) for b in batches]
    np.testing.assert_allclose(model[0].running_mean.numpy(), np.mean(means, 0), atol=1e-6)
    variances = [b.var(0, ddof=1) for b in batches]
    np.testing.assert_allclose(model[0].running_var.numpy(), np.mean(variances, 0), atol=1e-6)
    assert model[0].momentum == 0.1 and not model.training and not model[1].training


@pytest.mark.parametrize("settings", [
    {"swa_lr": 0.05}, {"swa_lr": [0.5, 0.01], "anneal_epochs": 4, "anneal_strategy": "linear"},
    {"swa_lr": 0.05, "anneal_epochs": 0}, {"swa_lr": 0.3, "anneal_epochs": 1},
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Detected call")
def test_rates_are_pytorchs(settings):
    torch = pytest.importorskip("torch")
    seen = []
    for library, module in ((mt, swa_utils), (torch, torch.optim.swa_utils)):
        params = [library.nn.Parameter(library.ones(1)) for _ in range(2)]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.9}]
        optimizer = library.optim.SGD(groups, lr=0.1)
        schedule = module.SWALR(optimizer, **settings)
        rates = []
        for _ in range(14):
            rates.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            schedule.step()
        assert schedule.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        seen.append(rates)
    np.testing.assert_allclose(*seen, rtol=1e-12)


@pytest.mark.parametrize("name", swa_utils.__all__)
def test_arguments_are_pytorchs(name):
    torch = pytest.importorskip("torch")

    def arguments(f):
        return [p.name for p in inspect.signature(f).parameters.values()]

    assert arguments(getattr(swa_utils, name)) == arguments(getattr(torch.optim.swa_utils, name))


def test_a_schedule_refuses_what_it_cannot_do():
    optimizer = optim.SGD([nn.Parameter(mt.ones(1))], lr=0.1)
    with pytest.raises(ValueError, match="anneal_strategy='exp'"):
        swa_utils.SWALR(optimizer, 0.1, anneal_strategy="exp")
    with pytest.raises(ValueError, match="anneal_epochs=-1"):
        swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="one entry for each of 1 groups"):
        swa_utils.SWALR(optimizer, [0.1, 0.2])
