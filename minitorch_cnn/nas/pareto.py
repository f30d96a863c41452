"""Pareto optimality: networks that no other network beats in accuracy at equal or lower cost."""

from __future__ import annotations

from collections.abc import Sequence

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


def best(samples: Sequence[Sample]) -> Sample:
    """The sample with the highest reward, and among those the fewest multiply-adds.

    Raises: ValueError if all failed.
    """
    front = pareto_front(samples)
    if not front:
        raise ValueError("best: no sample has not failed")
    return front[-1]
