"""The view of Pareto: networks that no other one beats in accuracy without costing more."""

from __future__ import annotations

from collections.abc import Sequence

from .log import Sample


def pareto_front(samples: Sequence[Sample]) -> list[Sample]:
    """The samples to choose from, by rising cost: none of the others costs no more multiply-adds
    and has no smaller reward. Of those that are alike in both the first; none that failed.
    """
    front: list[Sample] = []
    whole = [sample for sample in samples if sample.score.failed is None]
    for sample in sorted(whole, key=lambda s: (s.score.macs, -s.score.reward, s.number)):
        if not front or sample.score.reward > front[-1].score.reward:
            front.append(sample)
    return front


def best(samples: Sequence[Sample]) -> Sample:
    """The sample with the highest reward, of those the one with the fewest multiply-adds.

    Raises: ValueError if all failed.
    """
    front = pareto_front(samples)
    if not front:
        raise ValueError("best: no sample has not failed")
    return front[-1]
