"""Evolution: the genetic algorithm of Genetic CNN, applied to the sequences of any space.

L. Xie, A. Yuille (2017), "Genetic CNN", ICCV 2017, arXiv 1703.01513, section 3.2. Each generation
is drawn from the previous one by Russian roulette: the same number of individuals, with
replacement, with probabilities proportional to their rewards above the smallest. Neighbouring pairs
then exchange parts, and individuals that did not are mutated.

Deviations from the paper
- A part is a stage in bit strings, but a node or a layer in other spaces (`Space.parts`). A mutated
  answer becomes one of the others, which for bits is the other one.
- If all rewards are equal, which would make every probability 0, all individuals are equally
  likely.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

Individual = tuple[int, ...]


def select(rewards: Sequence[float], count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the survivors' indices, (count,): each is i with P(i) ~ R_i - min R."""
    chances = np.asarray(rewards, dtype=np.float64)
    chances = chances - chances.min()
    total = chances.sum()
    return generator.choice(len(chances), count, p=chances / total if total > 0 else None)


def cross(
    one: Individual,
    other: Individual,
    parts: Sequence[int],
    rate: float,
    generator: np.random.Generator,
) -> tuple[Individual, Individual]:
    """Exchange each part of two individuals with probability `rate`."""
    children: tuple[list[int], list[int]] = ([], [])
    ends = list(itertools.accumulate(parts, initial=0))
    for (start, end), draw in zip(
        itertools.pairwise(ends), generator.random(len(parts)), strict=True
    ):
        pair = (one[start:end], other[start:end])
        for child, piece in zip(children, pair[::-1] if draw < rate else pair, strict=True):
            child += piece
    return tuple(children[0]), tuple(children[1])


def mutate(
    one: Individual, sizes: Sequence[int], rate: float, generator: np.random.Generator
) -> Individual:
    """Change each answer of an individual with probability `rate`."""
    changed = []
    for answer, size, draw in zip(one, sizes, generator.random(len(sizes)), strict=True):
        if draw < rate and size > 1:
            answer = (answer + int(generator.integers(1, size))) % size
        changed.append(answer)
    return tuple(changed)


class Evolution:
    """A population, used through `ask` and `tell`.

    sizes, parts: of a space. population: individuals per generation. crossover: the probability
    that a pair exchanges parts, exchange: that it exchanges a given part. mutation: the probability
    that any other individual mutates, change: that a given answer of it changes. The defaults are
    the paper's. seed: of all random draws.

    Raises: ValueError for a population below 2 or a probability outside [0, 1].
    """

    def __init__(
        self,
        sizes: Sequence[int],
        parts: Sequence[int],
        seed: int = 0,
        population: int = 20,
        crossover: float = 0.2,
        exchange: float = 0.2,
        mutation: float = 0.8,
        change: float = 0.05,
    ):
        if population < 2:
            raise ValueError(f"Evolution: population={population} must be at least 2")
        rates = {"crossover": crossover, "exchange": exchange}
        for name, rate in {**rates, "mutation": mutation, "change": change}.items():
            if not 0 <= rate <= 1:
                raise ValueError(f"Evolution: {name}={rate} must be from 0 to 1")
        if sum(parts) != len(sizes):
            raise ValueError(f"Evolution: parts={tuple(parts)} must have {len(sizes)} in all")
        self.sizes, self.parts, self.batch = tuple(sizes), tuple(parts), population
        self.crossover, self.exchange = crossover, exchange
        self.mutation, self.change = mutation, change
        self.generator = np.random.default_rng(seed)
        self.individuals: list[Individual] = []
        self.rewards: list[float] = []

    def ask(self, count: int) -> list[Individual]:
        """`count` individuals of the next generation; those of the first are drawn uniformly."""
        rng = self.generator
        if not self.individuals:
            drawn = rng.integers(self.sizes, size=(count, len(self.sizes)))
            return [tuple(row) for row in drawn.tolist()]
        new = [self.individuals[i] for i in select(self.rewards, count, rng)]
        for i in range(0, count, 2):
            pair = range(i, min(i + 2, count))
            if len(pair) == 2 and rng.random() < self.crossover:
                new[i], new[i + 1] = cross(new[i], new[i + 1], self.parts, self.exchange, rng)
                continue
            for k in pair:
                if rng.random() < self.mutation:
                    new[k] = mutate(new[k], self.sizes, self.change, rng)
        return new

    def tell(self, sequences: list[Individual], rewards: Sequence[float]) -> None:
        """Record the rewards of a generation, from which the next one is drawn."""
        self.individuals, self.rewards = list(sequences), [float(r) for r in rewards]

    def state_dict(self) -> dict[str, Any]:
        """The state that `ask` depends on."""
        return {
            "individuals": self.individuals,
            "rewards": self.rewards,
            "generator": self.generator.bit_generator.state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.individuals = [tuple(individual) for individual in state["individuals"]]
        self.rewards = list(state["rewards"])
        self.generator.bit_generator.state = state["generator"]
