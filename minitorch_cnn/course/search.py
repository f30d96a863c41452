"""Notebook 11: checks of policies, gradients, baselines and searches."""

import itertools
import math

import numpy as np

from .answer import No, check, compare

SEED = 11


@check
def policy(function) -> str:
    """function(theta) -> softmax probabilities, also for large numbers."""
    for theta in (np.array([0.0, 1, 2]), np.array([1000.0, 0, 999])):
        e = np.exp(theta - theta.max())
        with np.errstate(over="raise"):
            compare(function(theta), e / e.sum(), f"the probabilities of {theta}")
    return "they sum to one, and large numbers do not overflow"


@check
def score(function, softmax) -> str:
    """function(theta, a) -> the gradient of log softmax(theta)[a]."""
    rng = np.random.default_rng(SEED)
    theta, h = rng.standard_normal(4), 1e-6
    for a in range(4):
        up = [np.log(softmax(theta + h * e)[a]) for e in np.eye(4)]
        down = [np.log(softmax(theta - h * e)[a]) for e in np.eye(4)]
        compare(function(theta, a), (np.array(up) - down) / (2 * h), f"for answer {a} it", 1e-6)
    return "it is the slope of the logarithm"


@check
def step(function) -> str:
    """function(theta, answers, rewards, baseline, lr) -> theta after one REINFORCE step."""
    theta, answers, rewards = np.zeros(3), [0, 2, 2], [1.0, 0.5, 0.2]
    p = np.full(3, 1 / 3)
    up = sum((r - 0.4) * (np.eye(3)[a] - p) for a, r in zip(answers, rewards, strict=True)) / 3
    mine = function(theta.copy(), answers, rewards, 0.4, 2.0)
    if mine is not None and np.allclose(mine, theta - 2 * up):
        raise No("that is a step down: rewards are to grow")
    compare(mine, theta + 2 * up, "the new theta")
    return "up the expected reward, by the advantage over the baseline"


@check
def count(function) -> str:
    """function(sizes) -> how many architectures a space has."""
    for sizes in ((2, 3, 4), (5,) * 8):
        if function(sizes) != math.prod(sizes):
            raise No(f"questions with {sizes} answers have not {function(sizes)} combinations")
    return "a product"


@check
def search(function) -> str:
    """function(method, evaluate, budget) -> rewards in the order of the samples."""

    class Method:
        batch = 4

        def __init__(self):
            self.numbers, self.told = itertools.count(), []

        def ask(self, many):
            return [(next(self.numbers),) for _ in range(many)]

        def tell(self, sequences, rewards):
            self.told.append((list(sequences), list(rewards)))

    method = Method()
    mine = list(function(method, lambda sequence: sequence[0] / 10, 12))
    if not method.told:
        raise No("the method is never told what its sequences were worth")
    if any(len(rewards) != 4 for _, rewards in method.told):
        raise No("the method is to be told of its batches, 4 at a time")
    if any(s[0] / 10 != r for told in method.told for s, r in zip(*told, strict=True)):
        raise No("sequences and rewards do not belong together")
    compare(mine, np.arange(12) / 10, "the rewards")
    return "asked for 3 batches of 4, and told of each"
