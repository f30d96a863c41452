"""Reduce gradients over all ranks while backward still computes others.

Gradients are copied into buckets, one buffer each, in the reverse order of their parameters' use.
As soon as a bucket is full, and all before it are, its reduction starts without blocking; each
further gradient advances the reductions in flight. At the end of backward the ranks compare which
gradients they had, wait, and copy the results back (Li et al. 2020, "PyTorch distributed:
experiences on accelerating data parallel training", arXiv 2006.15704).

The order of the buckets, and of the ranks in MPI's sum, is fixed: the same world size gives the
same bits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..autograd.leaf_hooks import queue_callback
from ..tensor.tensor import Tensor
from . import waiting
from .collectives import gathered, reduced
from .group import Group

FIRST_BUCKET = 2**20  # bytes, as in PyTorch: a small one starts early


class Span(NamedTuple):
    """Seconds since backward's first gradient: when a bucket's reduction started and was seen to
    be complete, and its bytes.
    """

    started: float
    ended: float
    bytes: int


class Bucket:
    """Gradients that are reduced together: one buffer, and each gradient's place in it."""

    def __init__(self, members: list[int], parameters: Sequence[Tensor], dtype: Any):
        self.members = members
        sizes = [parameters[i].array.size for i in members]
        self.ends = np.cumsum([0, *sizes]).tolist()
        like = parameters[members[0]].array
        dtype = like.dtype if dtype is None else dtype
        self.buffer = np.empty(self.ends[-1], dtype, like=like)
        self.missing = len(members)
        self.work: Any = None
        self.started = 0.0

    def places(self) -> Any:
        """(number of the parameter, its part of the buffer) for each member."""
        ends = zip(self.ends, self.ends[1:], strict=False)
        return [(i, self.buffer[a:b]) for i, (a, b) in zip(self.members, ends, strict=True)]


class Reducer:
    """The gradients of `parameters`, averaged over all ranks in each backward pass.

    factor: what this rank's gradients are multiplied with before they are summed: 1 / ranks, or 1
    where the loss is already this rank's share of that of a global batch.
    enabled: False while gradients accumulate locally.
    """

    def __init__(
        self,
        group: Group,
        names: Sequence[str],
        parameters: Sequence[Tensor],
        cap: int,
        find_unused: bool,
        dtype: Any,
    ):
        self.group, self.names, self.parameters = group, list(names), list(parameters)
        self.cap, self.find_unused, self.dtype = cap, find_unused, dtype
        self.factor = 1 / group.size
        self.enabled = True
        self.running = False
        self.arrived: list[int] = []  # in this pass, in order
        self.ordered = False  # whether the buckets follow the order of use
        self.timeline: list[Span] = []  # of the latest pass
        self.passes = 0
        self._make_buckets(list(range(len(self.parameters)))[::-1])
        self.handles = [
            p.register_post_accumulate_grad_hook(partial(self._ready, i))
            for i, p in enumerate(self.parameters)
        ]

    def _make_buckets(self, order: list[int]) -> None:
        """Fill buckets up to `cap` bytes in this order; each has one dtype and one device."""
        self.buckets: list[Bucket] = []
        open_: dict[Any, tuple[list[int], int]] = {}
        for i in order:
            p = self.parameters[i]
            kind = p.array.dtype, p.device
            members, size = open_.get(kind, ([], 0))
            cap = self.cap if self.buckets or size else min(self.cap, FIRST_BUCKET)
            members, size = [*members, i], size + p.array.nbytes
            if size >= cap:
                self.buckets.append(Bucket(members, self.parameters, self.dtype))
                open_.pop(kind, None)
            else:
                open_[kind] = members, size
        for members, _ in open_.values():
            self.buckets.append(Bucket(members, self.parameters, self.dtype))
        self.place = {i: b for b in self.buckets for i in b.members}
        self.parts = {i: part for b in self.buckets for i, part in b.places()}

    def _ready(self, i: int, parameter: Tensor) -> None:
        """The hook of parameter i: its gradient is complete."""
        if not self.enabled:
            return
        if not self.running:
            queue_callback(self._end)
            self._begin()
        if i in self.seen:
            raise RuntimeError(
                f"DistributedDataParallel: the gradient of {self.names[i]!r} was completed twice "
                "in one backward pass"
            )
        self.seen.add(i)
        self.arrived.append(i)
        self._fill(i, parameter)
        for bucket in self.buckets[: self.launched]:
            self._look(bucket)

    def _begin(self) -> None:
        self.running, self.launched = True, 0
        self.seen: set[int] = set()
        self.arrived = []
        self.timeline = []
        self.began = time.perf_counter()
        for bucket in self.buckets:
            bucket.missing, bucket.work = len(bucket.members), None

    def _fill(self, i: int, parameter: Tensor | None) -> None:
        """Copy a gradient, None for zeros, into its bucket; start all buckets that are full."""
        part = self.parts[i]
        gradient = None if parameter is None else parameter.grad
        if gradient is None:
            part[...] = 0
        elif self.factor == 1:
            part[...] = gradient.array.reshape(-1)
        else:
            array = gradient.array
            part[...] = array.reshape(-1) * array.dtype.type(self.factor)
        self.place[i].missing -= 1
        while self.launched < len(self.buckets) and not self.buckets[self.launched].missing:
            bucket = self.buckets[self.launched]
            bucket.started = time.perf_counter() - self.began
            backend = self.group.backend(bucket.buffer)
            bucket.work = backend.start_all_reduce(bucket.buffer, "sum")
            self.launched += 1

    def _look(self, bucket: Bucket) -> bool:
        """Advance a reduction; note the time when it is complete."""
        if not bucket.work.done and bucket.work.test():
            ended = time.perf_counter() - self.began
            self.timeline.append(Span(bucket.started, ended, bucket.buffer.nbytes))
        return bucket.work.done

    def _end(self) -> None:
        """The end of backward: fill what has no gradient, wait, and copy the means back."""
        self.running = False
        self.passes += 1
        self.backward_seconds = time.perf_counter() - self.began
        lacking = self._compare()
        used = np.array([i in self.seen for i in range(len(self.parameters))])
        for i in np.flatnonzero(~used).tolist():
            self._fill(i, None)
        if self.find_unused:  # on all ranks after the last bucket has started
            used = reduced(self.group, used, "max")
        call = f"backward pass {self.passes} of DistributedDataParallel"
        for bucket in self.buckets:
            waiting.wait(self.group, partial(self._look, bucket), call)
        self.seconds = time.perf_counter() - self.began
        if lacking:
            raise RuntimeError(
                f"DistributedDataParallel: on {lacking}; pass find_unused_parameters=True if a "
                "step may leave parameters out, or freeze them before wrapping"
            )
        for bucket in self.buckets:
            for i, part in bucket.places():
                if used[i]:
                    self._store(self.parameters[i], part)
        if not self.ordered:
            self.ordered = True
            order = gathered(self.group, self.arrived)[0]
            left = [i for i in range(len(self.parameters)) if i not in order]
            self._make_buckets(order + left)

    def reduce_now(self) -> None:
        """Reduce the gradients as they are, outside of backward; a missing one counts as unused."""
        self._begin()
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                self.seen.add(i)
                self.arrived.append(i)
                self._fill(i, parameter)
        self._end()

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self.handles:
            handle.remove()

    def _compare(self) -> str:
        """A rank and its parameters without a gradient, "" if there is none or with `find_unused`.

        Raises: RuntimeError on all ranks if one makes another call.
        """
        missing = [name for i, name in enumerate(self.names) if i not in self.seen]
        call = f"backward pass {self.passes} of DistributedDataParallel"
        lacking = "" if self.find_unused or not missing else f", without {', '.join(missing)}"
        wrong = ""
        for rank, text in enumerate(self.group.exchange(call + lacking)):
            if not text.startswith(call):
                raise RuntimeError(
                    f"DistributedDataParallel: the ranks make different calls: rank "
                    f"{self.group.rank} {call}, rank {rank} {text}"
                )
            if text != call and not wrong:
                left_out = text.removeprefix(call + ", without ")
                wrong = f"rank {rank} these parameters got no gradient: {left_out}"
        return wrong

    def _store(self, parameter: Tensor, part: Any) -> None:
        if parameter.grad is None:
            array = np.zeros(parameter.array.shape, parameter.array.dtype, like=parameter.array)
            parameter.grad = Tensor(array)
        parameter.grad.array[...] = part.reshape(parameter.array.shape)
