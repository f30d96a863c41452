"""Notebook 14: ranks that are threads, and checks of a ring, of buckets and of overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from .answer import check
from .compare import No, compare

SEED = 14
PATIENCE = 2.0  # seconds until a message counts as never sent


class Sent(NamedTuple):
    """The results of all ranks, and what each has sent: its messages' numbers of elements."""

    results: list[Any]
    sizes: list[list[int]]


def on_ring(function: Callable[..., Any], parts: list[list[np.ndarray]]) -> Sent:
    """Call function(chunks, rank, ranks, send, receive) in a thread per rank.

    send(array) puts a copy into the mailbox of the right neighbour; receive() waits for a message
    of the left one.

    Raises: the first rank's exception; No for a rank that waits for a message that nobody sends.
    """
    ranks = len(parts)
    boxes: list[SimpleQueue] = [SimpleQueue() for _ in range(ranks)]
    results: list[Any] = [None] * ranks
    errors: list[Exception | None] = [None] * ranks
    sizes: list[list[int]] = [[] for _ in range(ranks)]

    def work(rank: int) -> None:
        def send(array: Any) -> None:
            sizes[rank].append(np.size(array))
            boxes[(rank + 1) % ranks].put(np.array(array))

        def receive() -> np.ndarray:
            try:
                return boxes[rank].get(timeout=PATIENCE)
            except Empty:
                raise No(f"rank {rank} waits for a message that nobody sends") from None

        try:
            chunks = [chunk.copy() for chunk in parts[rank]]
            results[rank] = function(chunks, rank, ranks, send, receive)
        except Exception as error:
            errors[rank] = error

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raised = [error for error in errors if error is not None]
    for error in sorted(raised, key=lambda error: isinstance(error, No)):
        raise error
    return Sent(results, sizes)


@check
def ring(all_reduce, *, seed: int = SEED) -> str:
    """all_reduce(chunks, rank, ranks, send, receive) -> the chunks, summed over all ranks."""
    rng = np.random.default_rng(seed)
    for ranks in (3, 2, 5):
        parts = [[rng.standard_normal(4) for _ in range(ranks)] for _ in range(ranks)]
        sent = on_ring(all_reduce, parts)
        total = np.sum(parts, axis=0)
        for rank, mine in enumerate(sent.results):
            if mine is None:
                raise No("the function returned None: is there no return?")
            where = f"with {ranks} ranks, on rank {rank}, the result"
            right = [np.allclose(a, b) for a, b in zip(mine, total, strict=False)]
            if len(right) == ranks and sum(right) == 1 and ranks > 2:
                few = len(sent.sizes[rank]) < 2 * (ranks - 1)
                fault = "pass the sums on" if few else "a sum replaces a chunk, it is not added"
                raise No(f"{where} has one sum, and chunks that are none: {fault}")
            compare(np.stack(mine), total, where, mistakes=[
                ("nothing is added up: each rank still has its own numbers", parts[rank]),
                (f"{where} is the mean of the ranks, not their sum", total / ranks),
            ])  # fmt: skip
        count = len(sent.sizes[0])
        if count > 2 * (ranks - 1):
            raise No(f"a rank of {ranks} sends {count} messages: {2 * (ranks - 1)} are enough")
        if max(map(max, sent.sizes)) > 4:
            raise No("a message is larger than a chunk: the bytes are then not the least")
    return "2 (P - 1) messages of a P-th each leave the sum on 2, 3 and 5 ranks"


@check
def bucket_order(buckets, *, seed: int = SEED) -> str:
    """buckets(sizes, cap) -> lists of numbers of parameters."""
    cases = [([5, 1, 1, 2, 4], 4), ([3, 3, 3], 3), ([1, 2], 9), ([9, 1, 1, 1, 1], 2)]
    rng = np.random.default_rng(seed)
    cases += [(rng.integers(1, 9, n).tolist(), int(rng.integers(2, 15))) for n in (4, 6, 7, 12)]
    for sizes, cap in cases:
        mine = buckets(list(sizes), cap)
        if mine is None:
            raise No("the function returned None: is there no return?")
        mine = [list(bucket) for bucket in mine]
        given = f"(sizes {sizes}, cap {cap})"
        flat = [i for bucket in mine for i in bucket]
        if sorted(flat) != list(range(len(sizes))):
            raise No(f"every parameter has to be in one bucket; found {mine} {given}")
        if flat != sorted(flat, reverse=True):
            raise No(f"the gradient of the last parameter comes first in backward: {mine} {given}")
        for bucket in mine[:-1]:
            if sum(sizes[i] for i in bucket) < cap:
                raise No(f"bucket {bucket} is sent before it has the size {cap}: {mine} {given}")
        for bucket in mine:
            if sum(sizes[i] for i in bucket[:-1]) >= cap:
                raise No(f"bucket {bucket} could be sent before its last gradient {given}")
    return "a bucket holds the gradients that come one after the other, and leaves when it is full"


@check
def joined(function, *, seed: int = SEED) -> str:
    """joined(counts, means, variances) -> mean and variance of all values together."""
    rng = np.random.default_rng(seed)
    for sizes in ((3, 3), (5, 1, 2)):
        parts = [rng.standard_normal(n) * (i + 1) + 3 * i for i, n in enumerate(sizes)]
        counts = np.array(sizes)
        means = np.array([part.mean() for part in parts])
        variances = np.array([part.var() for part in parts])
        whole = np.concatenate(parts)
        found = function(counts, means, variances)
        if found is None:
            raise No("the function returned None: is there no return?")
        mean, variance = found
        of = f"of parts of {', '.join(map(str, sizes))} values"
        compare(mean, whole.mean(), f"the mean {of}", mistakes=[
            ("the mean of the means is wrong where the parts are not equal", means.mean()),
        ])  # fmt: skip
        compare(variance, whole.var(), f"the variance {of}", mistakes=[
            ("it leaves out that the means of the parts differ",
             np.concatenate([part - part.mean() for part in parts]).var()),
            ("the mean of the variances leaves out that the means differ", variances.mean()),
            ("it leaves out the variance within the parts",
             np.repeat(means, counts).var()),
        ])  # fmt: skip
    return "mean and variance are those of the joined batch, for unequal parts too"


@check
def overlap(spans, *, seed: int = SEED) -> str:
    """spans(ready, seconds) -> the start and the end of every reduction."""
    rng = np.random.default_rng(seed)
    cases = [
        ([1.0, 2.0, 3.0], [0.5, 0.5, 0.5]), ([1.0, 1.5, 4.0], [2.0, 1.0, 1.0]), ([0.0], [3.0]),
        (np.sort(rng.uniform(0, 9, 8)).round(1).tolist(), rng.uniform(0.1, 3, 8).round(1).tolist()),
    ]  # fmt: skip
    for ready, seconds in cases:
        mine = spans(list(ready), list(seconds))
        if mine is None:
            raise No("the function returned None: is there no return?")
        mine = [tuple(map(float, span)) for span in mine]
        given = f"(ready at {ready}, {seconds} long)"
        if len(mine) != len(ready):
            raise No(f"{len(mine)} spans for {len(ready)} buckets {given}")
        for (start, end), at, long in zip(mine, ready, seconds, strict=True):
            if not np.isclose(end - start, long):
                raise No(f"a reduction of {long:g} s lasts {end - start:g} s: {mine} {given}")
            if start < at:
                raise No(f"a bucket leaves before it is full: {mine} {given}")
        before = [-1.0, *(end for _, end in mine)]
        for (start, _), at, ended in zip(mine, ready, before, strict=False):
            if start < ended - 1e-12:
                raise No(f"two reductions share the wire: {mine} {given}")
            if not np.isclose(start, [at, ended]).any():
                raise No(f"a reduction waits although the wire is free: {mine} {given}")
    return "each reduction starts when its bucket is full and the one before has ended"
