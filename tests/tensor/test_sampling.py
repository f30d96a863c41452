"""Draws: their distribution, their repetition by a seed, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_cnn as mt

RNG = np.random.default_rng


def test_normal_has_the_mean_and_the_spread_asked_for():
    mean, std = mt.full((20000,), 3.0), mt.tensor([0.5])
    for y in (mt.normal(mean, std, generator=RNG(0)), mt.normal(3.0, 0.5, (20000,))):
        assert abs(y.mean().item() - 3) < 0.02 and abs(y.std().item() - 0.5) < 0.02
    assert mt.normal(mt.zeros(2, 1), mt.ones(3)).shape == (2, 3)
    assert mt.normal(mt.zeros(2), 1.0, generator=RNG(0)).dtype == mt.float32
    assert mt.normal(0, 1, size=(2,), dtype=mt.float64, requires_grad=True).requires_grad


def test_bernoulli_is_1_as_often_as_told():
    p = mt.tensor([0.0, 0.25, 1.0]).expand(20000, 3)
    y = mt.bernoulli(p, generator=RNG(0))
    np.testing.assert_allclose(y.mean(0).numpy(), [0, 0.25, 1], atol=0.01)
    assert set(y.unique().tolist()) <= {0.0, 1.0} and y.dtype == p.dtype
    assert abs(mt.zeros(20000).bernoulli(0.7, generator=RNG(0)).mean().item() - 0.7) < 0.01


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_draws_in_proportion_to_the_weights(replacement):
    weights = mt.tensor([[1.0, 0, 3], [2, 2, 0]]).repeat(10000, 1)
    y = mt.multinomial(weights, 1, replacement, generator=RNG(0)).numpy().reshape(-1, 2)
    found = [[(row == k).mean() for k in range(3)] for row in y.T]
    np.testing.assert_allclose(found, [[0.25, 0, 0.75], [0.5, 0.5, 0]], atol=0.02)
    assert y.dtype == np.int64


def test_multinomial_without_replacement_draws_each_once():
    y = mt.tensor([1.0, 5, 0, 2]).multinomial(3, generator=RNG(0))
    assert sorted(y.tolist()) == [0, 1, 3]
    assert mt.multinomial(mt.ones(2, 3), 5, replacement=True).shape == (2, 5)


def test_draws_repeat_by_the_seed_and_by_a_generator_of_one_s_own():
    def draws(generator=None):
        return [
            mt.normal(0, 1, (3,), generator=generator),
            mt.bernoulli(mt.full((9,), 0.5), generator=generator),
            mt.multinomial(mt.ones(9), 4, generator=generator),
            mt.randn(3, generator=generator),
            mt.randn_like(mt.ones(3), generator=generator),
            mt.randint(0, 99, (3,), generator=generator),
            mt.randperm(9, generator=generator),
        ]

    runs = []
    for _ in range(2):
        mt.manual_seed(7)
        runs.append([draws(), draws(mt.Generator().manual_seed(5))])
    for first, again in zip(*runs, strict=True):
        assert all(mt.equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_generator_tells_its_seed_and_gives_its_state():
    generator = mt.Generator(device="cpu")
    assert generator.manual_seed(-3) is generator and generator.initial_seed() == 2**64 - 3
    state = generator.get_state()
    first = mt.randn(3, generator=generator)
    generator.set_state(state)
    assert mt.equal(first, mt.randn(3, generator=generator))
    assert generator.seed() == generator.initial_seed()
    assert isinstance(generator, np.random.Generator)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))])
def test_a_copied_generator_goes_on_with_the_same_numbers(again):
    generator = mt.Generator().manual_seed(3)
    other = again(generator)
    assert mt.equal(mt.rand(3, generator=generator), mt.rand(3, generator=other))
    assert other.initial_seed() == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.normal(0, -1, (2,)), ValueError, "^normal: std=-1 must not be negative"),
        (lambda: mt.normal(0, 1), TypeError, "^normal: size must be given"),
        (lambda: mt.normal(mt.ones(2), 1, (2,)), TypeError, r"^normal: size=\(2,\) is given by"),
        (lambda: mt.bernoulli(mt.tensor([1.5])), ValueError, "^bernoulli: probabilities must lie"),
        (lambda: mt.bernoulli(mt.tensor([1])), TypeError, "^bernoulli: input has dtype int64"),
        (lambda: mt.multinomial(mt.tensor([1.0, -1]), 1), RuntimeError, "^multinomial: weights"),
        (lambda: mt.multinomial(mt.tensor([1.0, np.nan]), 1), RuntimeError, "^multinomial: wei"),
        (lambda: mt.multinomial(mt.zeros(2), 1), RuntimeError, "^multinomial: weights must be"),
        (lambda: mt.multinomial(mt.tensor([1.0, 0]), 2), RuntimeError, "^multinomial: num_samp"),
        (lambda: mt.multinomial(mt.ones(2), 0), RuntimeError, "^multinomial: num_samples=0"),
        (lambda: mt.multinomial(mt.tensor([1]), 1), TypeError, "^multinomial: input has dtype"),
        (lambda: mt.multinomial(mt.ones(1, 1, 1), 1), RuntimeError, "^multinomial: input has 3"),
        (lambda: mt.Generator("cuda"), ValueError, "^Generator: device='cuda' must be 'cpu'"),
        (lambda: mt.randint(5), TypeError, "^randint: size is missing"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
