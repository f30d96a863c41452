"""Notebook 14: a ring that stops half way, statistics and buckets that forget something."""

import numpy as np


def scattered(chunks, rank, ranks, send, receive):
    """A ring that stops when each rank has one complete sum."""
    for step in range(ranks - 1):
        send(chunks[(rank - step) % ranks])
        chunks[(rank - step - 1) % ranks] += receive()
    return chunks


def added_twice(chunks, rank, ranks, send, receive):
    """A ring that adds in its second half, too."""
    for step in range(2 * (ranks - 1)):
        send(chunks[(rank - step) % ranks])
        chunks[(rank - step - 1) % ranks] += receive()
    return chunks


def mean_of_variances(counts, means, variances):
    """Statistics that forget that the parts have different means."""
    total = counts.sum()
    return (counts * means).sum() / total, (counts * variances).sum() / total


def in_order_of_definition(sizes, cap):
    """Buckets that begin with the first layer, whose gradient comes last."""
    found, bucket = [], []
    for i, _ in enumerate(sizes):
        bucket.append(i)
        if np.sum([sizes[j] for j in bucket]) >= cap:
            found.append(bucket)
            bucket = []
    return [*found, bucket] if bucket else found


def on_wires_of_their_own(ready, seconds):
    """Reductions that do not wait for each other."""
    return [(at, at + long) for at, long in zip(ready, seconds, strict=True)]
