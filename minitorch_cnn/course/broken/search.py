"""Notebook 11: steps, gradients and searches from which a controller cannot learn."""

from ... import functional as F
from ..search import policy_gradient, slope


def step_down(theta, answers, rewards, baseline, lr):
    """REINFORCE with the sign of a loss: answers with high rewards become unlikely."""
    return theta + lr * policy_gradient(theta, answers, baseline - rewards)


def of_the_probability(theta, a):
    """The gradient of P(a) instead of log P(a)."""
    return slope(F.softmax, theta, a)


def silent(method, evaluate, budget):
    """A search that never reports rewards to the method."""
    return list(map(evaluate, method.ask(budget)))


def sorted_rewards(method, evaluate, budget):
    """A search that reports sequences and rewards in different orders."""
    asked = [method.ask(method.batch) for _ in range(budget // method.batch)]
    for sequences in asked:
        method.tell(sequences[::-1], list(map(evaluate, sequences)))
    return [evaluate(sequence) for sequences in asked for sequence in sequences]
