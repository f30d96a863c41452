"""Notebook 11: steps, gradients and searches from which a controller cannot learn."""

import numpy as np


def probabilities(theta):
    """The softmax of theta."""
    e = np.exp(theta - theta.max())
    return e / e.sum()


def step_down(theta, answers, rewards, baseline, lr):
    """REINFORCE with the sign of a loss: answers with high rewards become unlikely."""
    pairs = zip(answers, rewards, strict=True)
    p = probabilities(theta)
    return theta - lr * np.mean([(r - baseline) * (np.eye(len(p))[a] - p) for a, r in pairs], 0)


def of_the_probability(theta, a):
    """The gradient of P(a) instead of log P(a)."""
    p = probabilities(theta)
    return p[a] * (np.eye(len(p))[a] - p)


def silent(method, evaluate, budget):
    """A search that never reports rewards to the method."""
    return [evaluate(sequence) for sequence in method.ask(budget)]


def sorted_rewards(method, evaluate, budget):
    """A search that reports sequences and rewards in different orders."""
    found = []
    for _ in range(budget // method.batch):
        sequences = method.ask(method.batch)
        found.extend(evaluate(sequence) for sequence in sequences)
        method.tell(sequences[::-1], found[-method.batch :])
    return found
