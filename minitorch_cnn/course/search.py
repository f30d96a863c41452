"""Notebook 11: checks of policies, gradients, baselines and searches."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..autograd import grad
from ..functional import cross_entropy, log_softmax, softmax
from ..nas import policy_gradient_loss
from ..tensor import tensor
from .answer import borrowing, check
from .compare import No, compare, compare_all

SEED = 11
SPACES = {  # the answers to each question, and how many architectures these are
    (2, 3, 4): 24, (5,) * 8: 390_625, (1, 6): 6, (7, 2): 14,
    (3, 3, 5): 45, (4, 6, 2): 48, (2,) * 11: 2_048, (8, 1, 7): 56, (10, 9): 90, (3,) * 7: 2_187,
}  # fmt: skip


@check
def policy(function, *, seed: int = SEED) -> str:
    """softmax(theta) -> probabilities, also for large numbers."""
    rng = np.random.default_rng(seed)
    small = rng.permutation([0.0, 1, 2]) + rng.uniform(0.1, 0.5)
    for theta in (small, rng.permutation([1000.0, 0, 999])):
        right = probabilities(theta)
        with np.errstate(over="raise"):
            try:
                mine = function(theta)
            except FloatingPointError:
                raise No("e^1000 overflows: what can you subtract from all of theta?") from None
        powers = np.exp(np.minimum(theta, 50))
        compare(mine, right, f"the probabilities of {theta.round(2)}", mistakes=[
            ("the powers are not divided by their sum", powers),
            ("the powers are not divided by their sum", right / right.max()),
            ("the powers are divided by their number, not by their sum", right / right.max() / 3),
            ("theta is divided by its sum: where is the exponential?", theta / theta.sum()),
            ("large numbers have small probabilities: look at the sign",
             probabilities(-theta)),
            ("these are the logarithms of the probabilities", log_softmax(tensor(theta), dim=0)),
        ])  # fmt: skip
    return "they sum to one, and large numbers do not overflow"


def probabilities(theta: np.ndarray) -> np.ndarray:
    """The library's softmax of an array."""
    return softmax(tensor(np.asarray(theta)), dim=0).numpy()


def slope(function: Any, theta: np.ndarray, a: int) -> np.ndarray:
    """The gradient of function(theta)[a], by the library."""
    leaf = tensor(theta, requires_grad=True)
    return grad(function(leaf, dim=0)[a], leaf)[0].numpy()


@check
def score(function, *, seed: int = SEED) -> str:
    """score(theta, a) -> the gradient of log softmax(theta)[a]."""
    theta = np.random.default_rng(seed).standard_normal(4)
    p = probabilities(theta)
    for a in range(4):
        right, of = slope(log_softmax, theta, a), f"for answer {a} it"
        one = right + p
        with borrowing(function, softmax=probabilities):
            mine = function(theta, a)
        compare(mine, right, of, 1e-6, [
            (f"{of} is the gradient of P, not of log P", slope(softmax, theta, a)),
            (f"{of} has the wrong sign", -right),
            (f"{of} lacks the probabilities: log softmax has a sum in it", one),
            (f"{of} lacks the 1 at a", right - one),
            (f"{of} has theta where the probabilities should be", one - theta),
            (f"{of} subtracts only the probability of a", right * one),
            (f"{of} subtracts the probability of a from all", one - p[a]),
            (f"{of} is 1 / P: the chain rule continues to theta", one / p[a]),
            (f"{of} has its 1 at the previous answer", np.roll(one, -1) - p),
            (f"{of} has its 1 at the next answer", np.roll(one, 1) - p),
        ])  # fmt: skip
    return "it is the slope of the logarithm"


def policy_gradient(theta: np.ndarray, answers: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """The library's policy gradient for one question; worth: the advantage of each answer."""
    leaf = tensor(theta, requires_grad=True)

    def scores(sequences: np.ndarray) -> Any:
        rows = leaf.reshape(1, -1).expand(len(sequences), len(theta))
        return -cross_entropy(rows, tensor(sequences), reduction="none"), 0.0

    controller: Any = SimpleNamespace(score=scores)
    return -grad(policy_gradient_loss(controller, answers, worth), leaf)[0].numpy()


@check
def step(function, *, seed: int = SEED) -> str:
    """reinforce(theta, answers, rewards, baseline, lr) -> theta after one step."""
    rng = np.random.default_rng(seed)
    theta, before = np.array([0.1, -0.2, 0.3]), np.array([0.1, -0.2, 0.3])
    answers, rewards = np.array([0, 2, 2]), rng.permutation([1.0, 0.5, 0.2])
    b, lr = (0.4, 2.0) if seed == SEED else rng.uniform(0.25, 0.45, 2) * (1, 4)

    def up(worth: Any = rewards - b) -> np.ndarray:
        return policy_gradient(before, answers, np.asarray(worth))

    first, last = np.array([1, 0, 0]), np.array([0, 0, 1])
    scores = {"softmax": probabilities, "score": lambda theta, a: slope(log_softmax, theta, a)}
    with borrowing(function, **scores):
        mine = function(theta, answers, rewards, b, lr)
    if not np.array_equal(theta, before):
        raise No("theta has changed: return a new array")
    compare(mine, theta + lr * up(), "the new theta", mistakes=[
        ("that is a step down: rewards should grow", theta - lr * up()),
        ("the scores are summed instead of averaged", theta + 3 * lr * up()),
        ("the baseline is left out", theta + lr * up(rewards)),
        ("the baseline is added instead of subtracted", theta + lr * up(rewards + b)),
        ("the learning rate is left out", theta + up()),
        ("theta is left out: that is the step alone", lr * up()),
        ("only the last answer counts: sum over all (= instead of +=?)",
         theta + lr * up(3 * last * (rewards - b))),
        ("only a third of the last answer counts: sum over all (= instead of +=?)",
         theta + lr * up(last * (rewards - b))),
        ("only the first answer counts: is there a return in the loop?",
         theta + lr * up(3 * first * (rewards - b))),
        ("the rewards are left out", theta + lr * up(np.ones(3))),
        ("the mean runs over all numbers: each of theta's has a mean of its own",
         theta + lr * up().mean()),
    ])  # fmt: skip
    return "up the expected reward, by the advantage over the baseline"


@check
def count(function, *, seed: int = SEED) -> str:
    """count(sizes) -> the number of architectures in a space."""
    rng = np.random.default_rng(seed)
    chosen = range(4) if seed == SEED else rng.permutation(len(SPACES))[:5]
    cases = [(tuple(rng.permutation(list(SPACES)[i]).tolist()),) for i in chosen]
    numbers = {tuple(sorted(sizes)): number for sizes, number in SPACES.items()}

    def right(sizes: tuple[int, ...]) -> int:
        return numbers[tuple(sorted(sizes))]

    compare_all(function, cases, right, "the number for questions with {0[0]} answers", [
        ("it is a sum: each answer combines with each of the next question", sum),
        ("it is the number of questions", len),
        ("it lacks the last question", lambda sizes: right(sizes) // sizes[-1]),
        ("it lacks the first question", lambda sizes: right(sizes) // sizes[0]),
        ("it uses the largest size for all questions", lambda sizes: max(sizes) ** len(sizes)),
        ("it uses the first size for all questions", lambda sizes: sizes[0] ** len(sizes)),
        ("it is 2 to the number of questions", lambda sizes: 2 ** len(sizes)),
    ])  # fmt: skip
    return "a product"


class Method:
    """A method that proposes (0,), (1,), ... and records what it is asked and told, in order."""

    def __init__(self, batch: int):
        self.batch, self.numbers, self.calls = batch, itertools.count(), ""
        self.asked: list[int] = []
        self.told: list[tuple[list, list]] = []

    def ask(self, many: int | None = None) -> list[tuple[int]]:
        self.asked.append(self.batch if many is None else many)
        self.calls += "a"
        return [(next(self.numbers),) for _ in range(self.asked[-1])]

    def tell(self, sequences, rewards) -> None:
        self.calls += "t"
        self.told.append((list(sequences), list(rewards)))


@check
def search(function, *, seed: int = SEED) -> str:
    """search(method, evaluate, budget) -> rewards in the order of the samples."""
    batch = 4 if seed == SEED else int(np.random.default_rng(seed).integers(2, 8))
    method, budget = Method(batch), 3 * batch
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
    if method.asked != [batch] * 3:
        raise No(f"the method is asked for {method.asked}: ask for its batch of {batch} each time")
    if any(s[0] / 10 != r for told in method.told for s, r in zip(*told, strict=True)):
        raise No("sequences and rewards do not match")
    if len(method.told) != 3:
        raise No(f"the method is told {len(method.told)} times instead of after each batch")
    if method.calls != "at" * 3:
        raise No("the method is asked for a batch before it is told about the one before")
    if len(mine) != budget:
        which = "the last batch's only" if mine == method.told[-1][1] else f"{len(mine)} of them"
        raise No(f"{budget} samples have {budget} rewards: these are {which}")
    compare(mine, np.arange(budget) / 10, "the list of rewards", mistakes=[
        ("the rewards are sorted: they should be in the order of the samples",
         np.arange(budget)[::-1] / 10),
    ])  # fmt: skip
    return f"asked for 3 batches of {batch}, and told about each"
