"""LBFGS against PyTorch's, and on functions whose minima are known."""

import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def waves(x):
    return (3 * x).sin().sum() + (x * x).sum() / 10


def stepped(library, optimizer, f, start, steps, **settings):
    """Parameters after every step, how often the loss was asked for, and what was counted."""
    p = library.nn.Parameter(library.tensor(np.array(start[:4])))
    q = library.nn.Parameter(library.tensor(np.array(start[4:])))
    optimizer = optimizer([p, q], **settings)
    calls, seen = 0, []

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = f(p) + (q**4).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        loss = optimizer.step(closure)
        seen.append(np.array([loss.item(), *p.detach().numpy(), *q.detach().numpy()]))
    state = optimizer.state[p]
    return seen, (calls, state["func_evals"], state["n_iter"]), optimizer


@pytest.mark.parametrize("f", [rosenbrock, waves])
@pytest.mark.parametrize("settings", [
    {"lr": 0.1, "history_size": 3, "max_iter": 8},
    {"line_search_fn": "strong_wolfe", "max_iter": 8},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7, "lr": 0.5},
    {"line_search_fn": "strong_wolfe", "max_eval": 5, "max_iter": 4, "lr": 2.0},
    {"lr": 0.05, "max_iter": 6, "tolerance_change": 1e-2},
    {"lr": 0.05, "max_iter": 6, "tolerance_grad": 10},
])  # fmt: skip
def test_steps_lead_where_pytorchs_lead(rng, f, settings):
    torch = pytest.importorskip("torch")
    start = rng.standard_normal(6)
    ours, our_counts, _ = stepped(mt, optim.LBFGS, f, start, 4, **settings)
    theirs, counts, _ = stepped(torch, torch.optim.LBFGS, f, start, 4, **settings)
    assert our_counts == counts
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_the_minimum_of_a_valley_is_found(rng):
    seen, _, _ = stepped(
        mt, optim.LBFGS, rosenbrock, rng.standard_normal(6), 5, line_search_fn="strong_wolfe",
        max_iter=100,
    )  # fmt: skip
    np.testing.assert_allclose(seen[-1][1:5], 1, atol=1e-4)


def test_it_goes_on_from_a_stored_state(rng):
    start, settings = rng.standard_normal(6), {"lr": 0.1, "max_iter": 4}
    whole, _, _ = stepped(mt, optim.LBFGS, rosenbrock, start, 4, **settings)
    half, _, first = stepped(mt, optim.LBFGS, rosenbrock, start, 2, **settings)

    class Loaded(optim.LBFGS):
        def __init__(self, params, **settings):
            super().__init__(params, **settings)
            self.load_state_dict(first.state_dict())

    rest, _, _ = stepped(mt, Loaded, rosenbrock, half[-1][1:], 2, **settings)
    np.testing.assert_allclose(rest[-1], whole[-1], rtol=1e-10)


def test_arguments_are_pytorchs():
    torch = pytest.importorskip("torch")

    def arguments(cls):
        return [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]

    assert arguments(optim.LBFGS) == arguments(torch.optim.LBFGS)


def test_half_parameters_step_in_float32():
    p = nn.Parameter(mt.tensor([300.0, -200.0], dtype=mt.float16))
    optimizer = optim.LBFGS([p], line_search_fn="strong_wolfe", max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = ((p.float() - 3) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert p.dtype == mt.float16 and np.allclose(p.detach().numpy(), 3, atol=0.01)


def test_what_does_not_fit_is_refused():
    p = nn.Parameter(mt.ones(2))
    with pytest.raises(ValueError, match="LBFGS: all parameters must be in one param group"):
        optim.LBFGS([{"params": [p]}, {"params": [nn.Parameter(mt.ones(1))]}])
    with pytest.raises(ValueError, match="line_search_fn='wolfe' must be None or 'strong_wolfe'"):
        optim.LBFGS([p], line_search_fn="wolfe")
    with pytest.raises(ValueError, match="lr=-1"):
        optim.LBFGS([p], lr=-1)
    with pytest.raises(TypeError, match="closure must be a function"):
        optim.LBFGS([p]).step()
