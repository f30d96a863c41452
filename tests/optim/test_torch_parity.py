"""Every optimizer against PyTorch's, over 20 steps with changing gradients and rates."""

import inspect
from functools import lru_cache

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.kernels.optimizer.vectorised import BLOCK

SHAPES = ((3, 4), (), (BLOCK + 7,), (2, 1, 3))

TABLE = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"alpha": 0.8, "eps": 0.1, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.5, 0.7), "eps": 1e-2, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "maximize": True, "amsgrad": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "eps": 0.1, "foreach": True}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"betas": (0.5, 0.7), "momentum_decay": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"betas": (0.5, 0.9), "eps": 0.1, "weight_decay": 0.1}),
    ("RAdam", {"betas": (0.5, 0.5), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.02, 0.3), "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.3, "alpha": 0.5, "t0": 4, "weight_decay": 0.1}),
    ("ASGD", {"lambd": 0.1, "t0": 0, "maximize": True}),
    ("AdamW", {"lr": 0.01, "maximize": True, "foreach": True, "capturable": False}),
]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # that of the numbers in its state: mu_product
    yield torch
    torch.set_default_dtype(before)


@lru_cache
def gradients(step):
    """Gradients that shrink, so that the largest moments are early; one parameter starts late."""
    rng = np.random.default_rng(step)
    return [
        None if i == 3 and step < 2 else rng.standard_normal(shape) * 3 / (step + 1)
        for i, shape in enumerate(SHAPES)
    ]


def groups(params):
    """Two groups, the second with another rate."""
    return [{"params": params[:2]}, {"params": params[2:], "lr": 0.03}]


def stepped(steps, params, optimizer, as_tensor):
    for step in steps:
        for p, g in zip(params, gradients(step), strict=True):
            p.grad = None if g is None else as_tensor(np.array(g))
        optimizer.param_groups[0]["lr"] *= 0.95
        optimizer.step()


@pytest.mark.parametrize("name, settings", TABLE)
def test_twenty_steps_lead_where_pytorchs_lead(torch, rng, name, settings):
    start = [rng.standard_normal(shape) for shape in SHAPES]
    ours = [nn.Parameter(mt.tensor(np.array(a))) for a in start]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    optimizer = getattr(optim, name)(groups(ours), **settings)
    expected = getattr(torch.optim, name)(groups(theirs), **settings)
    stepped(range(20), ours, optimizer, mt.tensor)
    stepped(range(20), theirs, expected, torch.tensor)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


NAMES_IN_NUMPY = ("Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD")
IN_NUMPY = [row for row in TABLE if row[0] in NAMES_IN_NUMPY]


@pytest.mark.parametrize("name, settings", IN_NUMPY)
def test_steps_of_float32_stay_near_pytorchs(torch, rng, name, settings):
    start = [rng.standard_normal(shape).astype(np.float32) for shape in SHAPES]
    ours = [nn.Parameter(mt.tensor(np.array(a))) for a in start]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    sides = ((mt, optim, ours), (torch, torch.optim, theirs))
    for library, optimizers, params in sides:
        optimizer = getattr(optimizers, name)(groups(params), **settings)
        stepped(range(20), params, optimizer, lambda g, m=library: m.tensor(g.astype(np.float32)))
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == mt.float32
        np.testing.assert_allclose(a.detach(), b.detach().numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name, settings", TABLE)
def test_pytorchs_state_can_be_taken_over(torch, rng, name, settings):
    start = [rng.standard_normal(shape) for shape in SHAPES]
    theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
    expected = getattr(torch.optim, name)(groups(theirs), **settings)
    stepped(range(5), theirs, expected, torch.tensor)

    ours = [nn.Parameter(mt.tensor(p.detach().numpy().copy())) for p in theirs]
    optimizer = getattr(optim, name)(ours)
    with pytest.raises(ValueError, match=r"groups of \[2, 2\] parameters must be groups of \[4\]"):
        optimizer.load_state_dict(expected.state_dict())
    optimizer = getattr(optim, name)(groups(ours))
    optimizer.load_state_dict(expected.state_dict())
    stepped(range(5, 10), ours, optimizer, mt.tensor)
    stepped(range(5, 10), theirs, expected, torch.tensor)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted({name for name, _ in TABLE}))
def test_an_optimizer_takes_pytorchs_arguments(torch, name):
    def arguments(cls):
        found = inspect.signature(cls).parameters.values()
        return [(p.name, p.kind, p.default) for p in found]

    assert arguments(getattr(optim, name)) == arguments(getattr(torch.optim, name))


@pytest.mark.parametrize("name, settings", [
    ("SGD", {"lr": 1e-4, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "centered": True}),
    ("Adam", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1}),
    ("Rprop", {"lr": 0.1}),
    ("ASGD", {"lr": 1e-4}),
])  # fmt: skip
def test_half_parameters_step_in_float32_and_are_rounded(name, settings, torch):
    rng = np.random.default_rng(0)
    start = rng.normal(size=20).astype(np.float16)
    ours = nn.Parameter(mt.tensor(start))
    theirs = torch.nn.Parameter(torch.from_numpy(start).float())
    optimizers = [getattr(m.optim, name)([p], **settings) for m, p in ((mt, ours), (torch, theirs))]
    for _ in range(10):
        g = (300 * rng.normal(size=20)).astype(np.float16)  # its square is beyond float16
        ours.grad, theirs.grad = mt.tensor(g), torch.from_numpy(g).float()
        for optimizer in optimizers:
            optimizer.step()
        assert ours.dtype == mt.float16 and np.isfinite(ours.array).all()
        exact = theirs.detach().numpy()
        assert (np.abs(ours.array - exact) <= np.spacing(np.abs(exact).astype(np.float16))).all()
        with torch.no_grad():
            theirs.copy_(torch.from_numpy(ours.array.copy()))
