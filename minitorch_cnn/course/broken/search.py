"""Notebook 11: steps, gradients and searches that teach a controller nothing."""

import numpy as np


def probabilities(theta):
    """The softmax of theta."""
    e = np.exp(theta - theta.max())
    return e / e.sum()


def step_down(theta, answers, rewards, baseline, lr):
    """REINFORCE with the sign of a loss: answers of high reward become unlikely."""
    pairs = zip(answers, rewards, strict=True)
    p = probabilities(theta)
    return theta - lr * np.mean([(r - baseline) * (np.eye(len(p))[a] - p) for a, r in pairs], 0)


def of_the_probability(theta, a):
    """The gradient of P(a), where that of its logarithm is asked for."""
    p = probabilities(theta)
    return p[a] * (np.eye(len(p))[a] - p)


def silent(method, evaluate, budget):
    """A search that never tells the method what its sequences were worth."""
    return [evaluate(sequence) for sequence in method.ask(budget)]


def sorted_rewards(method, evaluate, budget):
    """A search that tells of sequences and of rewards in two different orders."""
    found = []
    for _ in range(budget // method.batch):
        sequences = method.ask(method.batch)
        found.extend(evaluate(sequence) for sequence in sequences)
        method.tell(sequences[::-1], found[-method.batch :])
    return found
