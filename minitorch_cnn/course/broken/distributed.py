"""Notebook 14: a ring that stops half way, statistics and buckets that forget something."""

from itertools import pairwise

import numpy as np

from ...distributed.scaling import Gradient, Network, in_buckets, predict


def _around(chunks, rounds, send, receive):
    """What a rank holds after each of the rounds if everybody passes on everything."""
    passing = np.stack(chunks)
    held = [passing]
    for _ in range(rounds):
        send(passing)
        passing = receive()
        held.append(held[-1] + passing)
    return held


def scattered(chunks, rank, ranks, send, receive):
    """A ring that stops when each rank has one complete sum."""
    sums = _around(chunks, ranks - 1, send, receive)[-1]
    return [sums[i] if i == rank else chunk for i, chunk in enumerate(chunks)]


def added_twice(chunks, rank, ranks, send, receive):
    """A ring that adds in its second half, too."""
    held = _around(chunks, 2 * (ranks - 1), send, receive)
    return [held[ranks - 1 if i == rank else -1][i] for i in range(ranks)]


def mean_of_variances(counts, means, variances):
    """Statistics that forget that the parts have different means."""
    return np.repeat(means, counts).mean(), np.repeat(variances, counts).mean()


def in_order_of_definition(sizes, cap):
    """Buckets that begin with the first layer, whose gradient comes last."""
    gradients = [Gradient(number, size) for number, size in enumerate(sizes)]
    ends = [int(bucket.ready) + 1 for bucket in in_buckets(gradients, cap)]
    return [list(range(*edges)) for edges in pairwise([0, *ends])]


def on_wires_of_their_own(ready, seconds):
    """Reductions that do not wait for each other."""
    alone = {"forward": 0.0, "workers": 2, "algorithm": "ring"}  # two messages of one bucket
    return [
        predict([Gradient(1.0, 0)], backward=at, network=Network(long / 2, 1.0), **alone).spans[0]
        for at, long in zip(ready, seconds, strict=True)
    ]
