"""fit on several ranks: each computes its rows of every batch, and the sums are those of the batch.

The loss of a rank's rows is multiplied by their share of the batch's weight before backward; the
sum of the gradients over the ranks is then that of the whole batch, whatever the number of ranks,
also if some have fewer rows than others or none.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import DataLoader
from ..data.transfer import map_tensors
from ..distributed.collectives import gathered, reduced
from ..distributed.group import Group
from ..distributed.reducer import Reducer
from ..nn import Module, SyncBatchNorm
from ..nn.distributed_data_parallel import (
    DistributedDataParallel,
    broadcast_tensors,
    compare_models,
)
from ..random import Rows, drawing_rows, get_rng_state, set_rng_state
from ..tensor import Tensor
from .batches import called, pairs, samples_in
from .gradients import Gradients
from .metrics import are_classes, known
from .nonfinite import find_nonfinite, finite, has_nonfinite_gradient, tensors
from .objective import loss_of_batch, main_output

if TYPE_CHECKING:
    from .loop import Loop

BUCKET = 25 * 2**20  # bytes


class Ranks:
    """The ranks of a run of `fit`: the rows of this one, and what they sum up."""

    def __init__(self, group: Group, model: Module, gradients: Gradients):
        if isinstance(model, DistributedDataParallel):
            raise ValueError("fit: pass the model itself, fit reduces the gradients: model.module")
        self.group, self.gradients = group, gradients
        compare_models("fit", group, model)
        broadcast_tensors([*model.parameters(), *model.buffers()])
        set_rng_state(gathered(group, get_rng_state())[0])
        held = [p for p in gradients.parameters if p.requires_grad]
        names = {id(p): name for name, p in model.named_parameters()}
        called = [names.get(id(p), "of the loss") for p in held]
        self.reducer = Reducer(group, called, held, BUCKET, True, None)
        self.reducer.factor = 1.0
        # With several batches per step the gradients are reduced once, at its end.
        self.overlaps = self.reducer.enabled = gradients.most == 1
        self.synced = any(isinstance(module, SyncBatchNorm) for module in model.modules())
        self.model = model

    @property
    def first(self) -> bool:
        """Whether this rank writes files and shows progress."""
        return self.group.rank == 0

    def of_first(self, value: Any) -> Any:
        """The first rank's value, on all of them."""
        return gathered(self.group, value if self.first else None)[0]

    def pairs(self, function: str, batches: Iterable[Any], device: str) -> Iterator[Any]:
        """(x, target, Rows): this rank's rows of each batch; x and target of no row are empty."""
        rank, size = self.group.rank, self.group.size
        if isinstance(batches, DataLoader) and batches.divisible:
            found: Any = batches.rows_on(device, rank, size)
            with closing(found):
                for batch, rows in found:
                    for x, target in pairs(function, [batch], device):
                        here = Rows(0, rows.count, max(rows.count, 1))
                        yield cut(x, here), cut(target, here), rows
            return
        for x, target in pairs(function, batches, device):
            rows = Rows.of_rank(rank, size, samples_in(function, x))
            yield cut(x, rows), cut(target, rows), rows

    def one_batch(self, run: Loop, x: Any, target: Any, rows: Rows) -> None:
        """Loop.one_batch for this rank's rows."""
        means, random_state = run.means.anew(), get_rng_state()
        value: Any = None
        weight, good, labels, right = 0.0, True, 0, 0
        with drawing_rows(rows):
            if rows.count or self.synced:
                output = called(run.model, x)
                value = sum(t.sum() for t in tensors(output)) * 0
            if rows.count:
                loss = loss_of_batch("fit", run.loss, output, target)
                value, weight = loss.value, rows.count * loss.share
                if not value.requires_grad:
                    raise ValueError("fit: loss does not depend on any trainable parameter")
                good = finite(value) or not loss.share
                main = main_output(run.loss, output)
                means.add("fit", rows.count, loss, main, target)
                if self.gradients.adds_up:
                    means.loss_sum *= rows.total / rows.count
                if loss.of_classes and are_classes(main, target):
                    labels = int(known(target.array, main.shape[1]).sum())
                    right = int((main.array.argmax(1) == target.array).sum())
            drawn = zlib.crc32(repr(get_rng_state()).encode()) % 2**20
            own = [drawn, not good, labels, right, *means.totals()]
            sums = reduced(self.group, np.array(own, np.float64)).tolist()
            drawn_by_all, bad, labels, right, *totals = sums
            total = totals[1]  # of the weights
            if bad:
                set_rng_state(random_state)
                self.stop_at_nonfinite(run, x, target, good)
            if drawn_by_all != drawn * self.group.size:
                raise RuntimeError(
                    f"fit: in step {run.step + 1} the ranks drew different random numbers: a "
                    "module draws some whose shape depends on the rows, not along the first axis"
                )
            if value is not None and not self.gradients.adds_up:
                value = value * (weight / total if total else rows.count / rows.total)
            self.gradients.add(value, total)
        if self.overlaps:
            if value is None:
                self.reducer.reduce_now()
            self.check_gradients(run)
        run.means.add_totals(totals)
        run.samples += rows.total
        run.labels += int(labels)
        run.right += int(right)

    def share_buffers(self) -> None:
        """Send rank 0's buffers to all: batch norms of a rank's rows have other statistics."""
        broadcast_tensors(list(self.model.buffers()))

    def before_step(self, run: Loop) -> None:
        """Reduce the gradients of a step of several batches."""
        if not self.overlaps:
            self.reducer.reduce_now()
            self.check_gradients(run)

    def check_gradients(self, run: Loop) -> None:
        """Raises: NonFiniteError on all ranks, whose gradients are the same."""
        if has_nonfinite_gradient(run.model):
            run.nonfinite("the gradients", run.means.loss())

    def stop_at_nonfinite(self, run: Loop, x: Any, target: Any, good: bool) -> None:
        place = ""
        if not good and self.synced:  # a second run would need all ranks
            place = "the batch" if not all(map(finite, tensors(x))) else "the forward pass"
        elif not good:
            self.reducer.enabled = False
            place = find_nonfinite(run.model, x, target, run.loss)
        places = gathered(self.group, place)
        # Statistics over all ranks spread a NaN: the rank whose batch has it comes first.
        rank = max(range(len(places)), key=lambda r: (places[r][:9] == "the batch", places[r] > ""))
        run.nonfinite(f"{places[rank]} of rank {rank}", float("nan"))

    def merge(self, means: Any, counts: Any) -> None:
        """Make the sums of an evaluation those of all ranks."""
        everyone = gathered(self.group, (means.totals(), counts.parts()))
        means.start()
        counts.start()
        for totals, parts in everyone:
            means.add_totals(totals)
            counts.add_parts(*parts)


def cut(value: Any, rows: Rows) -> Any:
    """The rows of every Tensor in x or a target that has one row per sample."""

    def part(t: Tensor) -> Tensor:
        whole = t.ndim and len(t) == rows.total
        return t[rows.first : rows.first + rows.count] if whole and rows.count < len(t) else t

    return map_tensors(value, part)
