"""Notebook 11: checks of policies, gradients, baselines and searches."""

import itertools
import math

import numpy as np

from .answer import check
from .compare import No, compare, compare_all

SEED = 11


@check
def policy(function) -> str:
    """softmax(theta) -> probabilities, also for large numbers."""
    for theta in (np.array([0.0, 1, 2]), np.array([1000.0, 0, 999])):
        e = np.exp(theta - theta.max())
        with np.errstate(over="raise"):
            try:
                mine = function(theta)
            except FloatingPointError:
                raise No("e^1000 overflows: what can you subtract from all of theta?") from None
        powers = np.exp(np.minimum(theta, 50))
        compare(mine, e / e.sum(), f"the probabilities of {theta}", mistakes=[
            ("the powers are not divided by their sum", powers),
            ("the powers are not divided by their sum", e),
            ("the powers are divided by their maximum, not by their sum", e / e.max()),
            ("the powers are divided by their number, not by their sum", e / e.size),
            ("theta is divided by its sum: where is the exponential?", theta / theta.sum()),
            ("large numbers have small probabilities: look at the sign",
             np.exp(theta.min() - theta) / np.exp(theta.min() - theta).sum()),
            ("these are the logarithms of the probabilities",
             theta - theta.max() - np.log(e.sum())),
        ])  # fmt: skip
    return "they sum to one, and large numbers do not overflow"


@check
def score(function) -> str:
    """score(theta, a) -> the gradient of log softmax(theta)[a]."""
    theta = np.random.default_rng(SEED).standard_normal(4)
    p = np.exp(theta) / np.exp(theta).sum()
    for a in range(4):
        one, of = np.eye(4)[a], f"for answer {a} it"
        compare(function(theta, a), one - p, of, 1e-6, [
            (f"{of} is the gradient of P, not of log P", p[a] * (one - p)),
            (f"{of} has the wrong sign", p - one),
            (f"{of} lacks the probabilities: log softmax has a sum in it", one),
            (f"{of} lacks the 1 at a", -p),
            (f"{of} has theta where the probabilities should be", one - theta),
            (f"{of} subtracts only the probability of a", one * (1 - p[a])),
            (f"{of} subtracts the probability of a from all", one - p[a]),
            (f"{of} is 1 / P: the chain rule continues to theta", one / p[a]),
            (f"{of} has its 1 at the previous answer", np.eye(4)[a - 1] - p),
            (f"{of} has its 1 at the next answer", np.eye(4)[(a + 1) % 4] - p),
        ])  # fmt: skip
    return "it is the slope of the logarithm"


@check
def step(function) -> str:
    """reinforce(theta, answers, rewards, baseline, lr) -> theta after one step."""
    theta, answers = np.array([0.1, -0.2, 0.3]), np.array([0, 2, 2])
    rewards = np.array([1.0, 0.5, 0.2])
    before, p = theta.copy(), np.exp(theta) / np.exp(theta).sum()
    scores = [np.eye(3)[a] - p for a in answers]

    def up(baseline=0.4, scores=scores):
        return sum((r - baseline) * s for r, s in zip(rewards, scores, strict=True)) / 3

    right = theta + 2 * up()
    mine = function(theta, answers, rewards, 0.4, 2.0)
    if not np.array_equal(theta, before):
        raise No("theta has changed: return a new array")
    compare(mine, right, "the new theta", mistakes=[
        ("that is a step down: rewards should grow", theta - 2 * up()),
        ("the scores are summed instead of averaged", theta + 6 * up()),
        ("the baseline is left out", theta + 2 * up(0.0)),
        ("the baseline is added instead of subtracted", theta + 2 * up(-0.4)),
        ("the learning rate is left out", theta + up()),
        ("theta is left out: that is the step alone", 2 * up()),
        ("only the last answer counts: sum over all (= instead of +=?)",
         theta + 2 * (rewards[-1] - 0.4) * scores[-1]),
        ("only a third of the last answer counts: sum over all (= instead of +=?)",
         theta + 2 * (rewards[-1] - 0.4) * scores[-1] / 3),
        ("only the first answer counts: is there a return in the loop?",
         theta + 2 * (rewards[0] - 0.4) * scores[0]),
        ("the rewards are left out",
         theta + 2 * sum(scores) / 3),
        ("the mean runs over all numbers: one mean for each of theta's (axis=0)",
         theta + 2 * np.mean([(r - 0.4) * s for r, s in zip(rewards, scores, strict=True)])),
    ])  # fmt: skip
    return "up the expected reward, by the advantage over the baseline"


@check
def count(function) -> str:
    """count(sizes) -> the number of architectures in a space."""
    cases = [((2, 3, 4),), ((5,) * 8,), ((1, 6),), ((7, 2),)]
    compare_all(function, cases, math.prod, "the number for questions with {0[0]} answers", [
        ("it is a sum: each answer combines with each of the next question", sum),
        ("it is the number of questions", len),
        ("it lacks the last question", lambda sizes: math.prod(sizes[:-1])),
        ("it lacks the first question", lambda sizes: math.prod(sizes[1:])),
        ("it uses the largest size for all questions", lambda sizes: max(sizes) ** len(sizes)),
        ("it uses the first size for all questions", lambda sizes: sizes[0] ** len(sizes)),
        ("it is 2 to the number of questions", lambda sizes: 2 ** len(sizes)),
    ])  # fmt: skip
    return "a product"


class Method:
    """A method that proposes (0,), (1,), ... and records what it is told."""

    batch = 4

    def __init__(self):
        self.numbers, self.asked, self.told = itertools.count(), [], []

    def ask(self, many=4):
        self.asked.append(many)
        return [(next(self.numbers),) for _ in range(many)]

    def tell(self, sequences, rewards):
        self.told.append((list(sequences), list(rewards)))


@check
def search(function) -> str:
    """search(method, evaluate, budget) -> rewards in the order of the samples."""
    method, budget = Method(), 12
    mine = list(function(method, lambda sequence: sequence[0] / 10, budget))
    if not method.told:
        raise No("the method is never told its rewards")
    if sum(method.asked) != budget:
        asked = sum(method.asked)
        raise No(f"with a budget of {budget} the method is asked for {asked} sequences")
    if any(len(sequences) != len(rewards) for sequences, rewards in method.told):
        sequences, rewards = next(t for t in method.told if len(t[0]) != len(t[1]))
        numbers = f"{len(sequences)} sequences with {len(rewards)} rewards"
        raise No(f"the method is told {numbers}: does each batch begin new lists?")
    if method.asked != [4, 4, 4]:
        raise No(f"the method is asked for {method.asked}: ask for its batch of 4 each time")
    if any(s[0] / 10 != r for told in method.told for s, r in zip(*told, strict=True)):
        raise No("sequences and rewards do not match")
    if len(method.told) != 3:
        raise No(f"the method is told {len(method.told)} times instead of after each batch")
    if len(mine) != budget:
        which = "the last batch's only" if mine == method.told[-1][1] else f"{len(mine)} of them"
        raise No(f"{budget} samples have {budget} rewards: these are {which}")
    compare(mine, np.arange(budget) / 10, "the list of rewards", mistakes=[
        ("the rewards are sorted: they should be in the order of the samples",
         np.arange(budget)[::-1] / 10),
    ])  # fmt: skip
    return "asked for 3 batches of 4, and told about each"
