"""Pareto optimality: networks that no other network beats in accuracy at equal or lower cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .child import Score
from .log import Sample


def pareto_front(samples: Sequence[Sample]) -> list[Sample]:
    """Select the Pareto-optimal samples, by rising cost: no other one has a reward at least as high
    at no more multiply-adds. Of equal samples the first is kept; failed ones are excluded.
    """
    front: list[Sample] = []
    whole = [sample for sample in samples if sample.score.failed is None]
    for sample in sorted(whole, key=lambda s: (s.score.macs, -s.score.reward, s.number)):
        if not front or sample.score.reward > front[-1].score.reward:
            front.append(sample)
    return front


def best(samples: Sequence[Sample], value: Callable[[Score], float] | None = None) -> Sample:
    """The sample with the highest reward, and among those the fewest multiply-adds.

    value: a function of a score that takes the place of its reward, such as `Plan.value`; it is to
    grow with the reward and not with the multiply-adds, so that the best is Pareto-optimal.

    Raises: ValueError if all failed.
    """
    front = pareto_front(samples)
    if not front:
        raise ValueError("best: no sample has not failed")
    return front[-1] if value is None else max(front, key=lambda sample: value(sample.score))
