"""Predict how data-parallel training scales: the alpha-beta model of messages, and overlap.

A message of n bytes takes alpha + n * beta seconds: the latency, and the bytes over the bandwidth
(Hockney 1994). Gradients are reduced in buckets, one after the other, each as soon as backward has
made it; what is left when backward ends is the time that a step waits.

    backward = measure_backward(model, x)
    step = predict(backward, forward=0.1, backward=0.2, workers=256, network=Network(5e-6, 12.5e9))
    step.efficiency
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import ceil, log2
from typing import Any, NamedTuple

from ..tensor.tensor import Tensor

BUCKET = 25 * 2**20  # bytes, DistributedDataParallel's


class Network(NamedTuple):
    """latency: seconds per message; bandwidth: bytes per second that a worker sends."""

    latency: float
    bandwidth: float


class Gradient(NamedTuple):
    """A parameter's gradient: when it is complete, as a fraction of backward, and its bytes."""

    ready: float
    bytes: int


class Step(NamedTuple):
    """The prediction of a step, in seconds: computation; communication, the sum of all reductions;
    exposed, the part of it after backward; spans, the start and end of each reduction since the
    start of backward.
    """

    computation: float
    communication: float
    exposed: float
    spans: list[tuple[float, float]]

    @property
    def seconds(self) -> float:
        return self.computation + self.exposed

    @property
    def efficiency(self) -> float:
        """The speed per worker relative to one worker alone."""
        return self.computation / self.seconds

    @property
    def hidden(self) -> float:
        """The share of the communication behind backward."""
        return 1 - self.exposed / self.communication if self.communication else 1.0


def wire_bytes(size: int, workers: int) -> float:
    """The least that each worker sends to all-reduce `size` bytes: 2 (P - 1) / P of them."""
    return 2 * (workers - 1) / workers * size


def all_reduce_seconds(size: int, workers: int, network: Network, algorithm: str = "best") -> float:
    """The time to all-reduce `size` bytes over P workers.

    "ring": 2 (P - 1) alpha + 2 (P - 1) / P n beta (Patarasuk and Yuan 2009): the least bytes.
    "tree": 2 log2(P) alpha + 2 n beta: reduction and broadcast in two binary trees (Sanders et al.
    2009), as in NCCL: few messages. "best": the faster one, which libraries choose.

    Raises: ValueError for another algorithm or workers below 1.
    """
    if workers < 1:
        raise ValueError(f"all_reduce_seconds: workers={workers} must be at least 1")
    if algorithm not in ("ring", "tree", "best"):
        raise ValueError(
            f"all_reduce_seconds: algorithm={algorithm!r} must be 'ring', 'tree' or 'best'"
        )
    if workers == 1:
        return 0.0
    ring = 2 * (workers - 1) * network.latency + wire_bytes(size, workers) / network.bandwidth
    tree = 2 * ceil(log2(workers)) * network.latency + 2 * size / network.bandwidth
    return {"ring": ring, "tree": tree, "best": min(ring, tree)}[algorithm]


def measure_backward(
    model: Callable[..., Any], x: Any, loss: Callable[[Any], Tensor] = lambda y: y.sum()
) -> list[Gradient]:
    """The order and times in which backward completes the gradients of a model's parameters."""
    arrived: list[tuple[float, int]] = []
    module: Any = model
    handles = [
        p.register_post_accumulate_grad_hook(
            lambda p: arrived.append((time.perf_counter(), p.array.nbytes))
        )
        for p in module.parameters()
        if p.requires_grad
    ]
    try:
        for _ in range(2):  # the first pass compiles kernels
            arrived.clear()
            value = loss(module(x))
            began = time.perf_counter()
            value.backward()
            seconds = time.perf_counter() - began
            module.zero_grad()
    finally:
        for handle in handles:
            handle.remove()
    return [Gradient((at - began) / seconds, size) for at, size in arrived]


def in_buckets(gradients: Sequence[Gradient], cap: int = BUCKET) -> list[Gradient]:
    """Join gradients, in order of arrival, to buckets of `cap` bytes; the first has 1 MB."""
    buckets: list[Gradient] = []
    size = 0
    for i, gradient in enumerate(gradients):
        size += gradient.bytes
        if size >= (cap if buckets else min(cap, 2**20)) or i == len(gradients) - 1:
            buckets.append(Gradient(gradient.ready, size))
            size = 0
    return buckets


def predict(
    gradients: Sequence[Gradient],
    *,
    forward: float,
    backward: float,
    workers: int,
    network: Network,
    cap: int = BUCKET,
    algorithm: str = "best",
) -> Step:
    """The step of `workers` that each compute as long as one alone (weak scaling).

    forward, backward: seconds of one worker; forward includes the update. Every worker computes
    for the same time and has the network to itself: real machines wait for the slowest and share
    switches, so that this is an upper bound of the efficiency.
    """
    spans: list[tuple[float, float]] = []
    free = total = 0.0
    for bucket in in_buckets(gradients, cap):
        start = max(bucket.ready * backward, free)
        seconds = all_reduce_seconds(bucket.bytes, workers, network, algorithm)
        free, total = start + seconds, total + seconds
        spans.append((start, free))
    exposed = max(0.0, free - backward) if workers > 1 else 0.0
    return Step(forward + backward, total, exposed, spans)
