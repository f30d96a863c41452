"""Distributions beside torch's and by their draws."""

import importlib

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import distributions as D

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))
POSITIVE = RNG.uniform(0.3, 2, (2, 3))
SHARES = RNG.uniform(0.1, 0.9, (2, 3))
CASES = {
    "Normal": ((A, POSITIVE), {}, B),
    "Uniform": ((A, A + POSITIVE), {}, A + POSITIVE / 2),
    "Bernoulli": ((SHARES,), {}, (B > 0) * 1.0),
    "Bernoulli of logits": ((), {"logits": A}, (B > 0) * 1.0),
    "Categorical": ((SHARES,), {}, np.array([2, 0])),
    "Categorical of logits": ((), {"logits": A}, np.array([[2, 0], [1, 1]])),
    "OneHotCategorical": ((SHARES,), {}, np.eye(3)[[2, 0]]),
}


def made(m, name, requires_grad=False):
    args, settings, value = CASES[name]

    def of(x):
        return m.tensor(x, requires_grad=requires_grad)

    kind = getattr(D if m is mt else m.distributions, name.split()[0])
    inputs = [of(x) for x in args], {k: of(x) for k, x in settings.items()}
    leaves = [*inputs[0], *inputs[1].values()]
    return kind(*inputs[0], **inputs[1]), m.tensor(value), leaves


@pytest.mark.parametrize("name", CASES)
def test_probabilities_entropies_and_gradients_are_torchs(name):
    torch = pytest.importorskip("torch")
    found = []
    for m in (mt, torch):
        dist, value, leaves = made(m, name, requires_grad=True)
        log, entropy = dist.log_prob(value), dist.entropy()
        (log.sum() + entropy.sum()).backward()
        moments = [] if name.startswith("Cat") else [dist.mean, dist.variance, dist.stddev]
        found.append([np.asarray(t.detach()) for t in (log, entropy, *moments)])
        found[-1] += [np.asarray(x.grad) for x in leaves]
        assert tuple(dist.batch_shape) == ((2,) if "Categorical" in name else (2, 3))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_mean_of_the_distribution(name):
    mt.manual_seed(1)
    dist, _, _ = made(mt, name)
    draws = dist.sample((4000,))
    assert draws.shape == (4000, *dist.batch_shape, *dist.event_shape)
    assert not draws.requires_grad and dist.sample().shape == draws.shape[1:]
    if name.startswith("Categorical"):
        shares = np.stack([(draws.numpy() == i).mean(0) for i in range(3)], -1)
        np.testing.assert_allclose(shares, dist.probs, atol=0.04)
    else:
        np.testing.assert_allclose(draws.numpy().mean(0), dist.mean, atol=0.1)


def test_beta_draws_what_mixup_needs():
    mt.manual_seed(0)
    dist = D.Beta(0.4, 1.2)
    draws = dist.sample((5000,)).numpy()
    assert dist.sample().shape == () and draws.min() >= 0 and draws.max() <= 1
    np.testing.assert_allclose([draws.mean(), draws.var()], [dist.mean, dist.variance], atol=0.01)
    np.testing.assert_allclose(dist.mean, 0.25)
    with pytest.raises(NotImplementedError, match=r"^Beta: log_prob is not defined"):
        dist.log_prob(mt.tensor(0.5))


@pytest.mark.parametrize("name", ["Normal", "Uniform"])
def test_gradients_pass_through_draws(name):
    def draw(*leaves):
        mt.manual_seed(3)
        return getattr(D, name)(*leaves).rsample((4,))

    leaves = tuple(mt.tensor(x, requires_grad=True) for x in CASES[name][0])
    assert mt.gradcheck(draw, leaves)


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("Uniform")])
def test_divergences_are_torchs(name):
    torch = pytest.importorskip("torch")
    found = []
    for m in (mt, torch):
        kinds = D if m is mt else m.distributions
        p, _, _ = made(m, name)
        args, settings, _ = CASES[name]
        other = (
            [m.tensor(x[::-1].copy()) for x in args],
            {k: m.tensor(x[::-1].copy()) for k, x in settings.items()},
        )
        q = type(p)(*other[0], **other[1])
        found.append(np.asarray(kinds.kl_divergence(p, q)))
        if name == "Normal":
            wide = [kinds.Independent(d, 1) for d in (p, q)]
            found.append(np.asarray(kinds.kl_divergence(*wide)))
            found.append(np.asarray(wide[0].log_prob(m.tensor(B))))
            found.append(np.asarray(wide[0].entropy()))
    half = len(found) // 2
    for ours, theirs in zip(found[:half], found[half:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_normal_shares_and_places():
    dist = D.Normal(mt.tensor(A), 2.0)
    share = dist.cdf(mt.tensor(B))
    np.testing.assert_allclose(dist.icdf(share), B, atol=1e-6)
    assert D.Normal(0, 1).sample((2,)).shape == (2,)


def test_other_parameters_are_refused():
    for make, message in [
        (lambda: D.Normal(0.0, 0.0), "Normal: scale must be above 0"),
        (lambda: D.Uniform(1.0, 1.0), "Uniform: low must be below high"),
        (lambda: D.Bernoulli(), "Bernoulli: either probs or logits"),
        (lambda: D.Bernoulli(1.5), "Bernoulli: probs must be in"),
        (lambda: D.Categorical(mt.tensor([-1.0])), "Categorical: probs must be at least 0"),
        (lambda: D.Beta(0.0, 1.0), "Beta: concentration1 must be above 0"),
        (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "Independent: reinterpreted_batch_ndims=1"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            make()
    with pytest.raises(NotImplementedError, match="no rule for Normal and Beta"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Beta(1.0, 1.0))
    assert importlib.import_module("minitorch_cnn.distributions.normal").Normal is D.Normal
