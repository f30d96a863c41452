"""DeviceTally: the loss, the accuracy and the check for NaN of `fit`, summed up on a device.

A number that the host reads makes it wait for the device, which is then idle until the host has
queued work again. So sums stay on the device, and the host reads them every few steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import devices
from ..cuda.graphs import graphed
from ..functional.class_losses import DeviceShare
from ..kernels.cross_entropy import tally
from ..kernels.cuda.graph import capturing, refuse
from ..kernels.optimizer import find_nonfinite
from ..optim import Optimizer
from ..optim.optimizer import steps_together
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .batches import called, samples_in
from .means import number
from .metrics import are_classes
from .objective import deferred_loss_of_batch, main_output

STEPS = 16  # between two looks; so many batches stay in memory, to find a NaN's place in
WARMUP = 3  # steps before a graph is captured
KINDS = (np.float32, np.float64)


class Batch(NamedTuple):
    """What is needed to find the place of a NaN in a batch, and its step."""

    x: Any
    target: Any
    random_state: Any
    step: int


class DeviceTally:
    """The sums of the steps since the last look, on the device of the parameters.

    After a loss or gradient that is not finite the optimizer's steps change nothing (its `skip`
    is the flag), so that the look finds the parameters of that step.
    """

    def __init__(self, like: Any, metrics: Iterable[str] = (), graphed: bool = False):
        names = list(metrics)
        self.memory = np.zeros(40 + 8 * len(names), np.uint8, like=like)
        self.sums, self.counts = self.memory[:16].view("f8"), self.memory[16:32].view("u8")
        self.flag = self.memory[32:36].view("i4")
        self.metrics = dict(zip(names, self.memory[40:].view("f8"), strict=True))
        self.batches: list[Batch] = []
        self.graph = GraphedSteps(self) if graphed else None

    def one_batch(self, loop: Any, x: Any, target: Any) -> None:
        """Compute the gradient of a batch, and add up its loss and its right answers."""
        samples = samples_in("fit", x)
        self.batches.append(Batch(x, target, get_rng_state(), loop.step))
        if self.graph is None or not self.graph.take(loop, x, target):
            self.compute(loop, x, target)
        loop.samples += samples
        loop.means.samples += samples

    def compute(self, loop: Any, x: Any, target: Any) -> None:
        """The work of a batch on the device."""
        samples = samples_in("fit", x)
        output = called(loop.model, x)
        loss = deferred_loss_of_batch("fit", loop.loss, output, target)
        if not loss.value.requires_grad:
            raise ValueError("fit: loss does not depend on any trainable parameter")
        mark, share = self.mark(), loss.share
        accumulates = loop.gradients.most > 1
        loop.gradients.add(loss.value, samples * _number(share) if accumulates else 1.0)
        output = main_output(loop.loss, output)
        logits = labels = total = None
        if loss.of_classes and are_classes(output, target):
            logits = output.array.reshape(*output.shape[:2], -1)
            labels = target.array.reshape(target.shape[0], -1)
        if isinstance(share, DeviceShare):
            total = share.total
        number = loss.value.detach().array.reshape(())
        sums = self.sums, self.counts, self.flag
        count = share.labels if isinstance(share, DeviceShare) else 0
        tally(number, total, logits, labels, *sums, count, samples, mark)
        for arrays in _by_dtype(loop.gradients.parameters):
            find_nonfinite(arrays, self.flag, mark)
        self.measure(loop, samples, output, target)

    def measure(self, loop: Any, samples: int, output: Any, target: Any) -> None:
        """Add up the user's metrics, on the device where they give a tensor there."""
        for name, value in loop.means.measured(output, target):
            if isinstance(value, Tensor) and value.device != "cpu":
                self.metrics[name] += value.array.reshape(()).astype("f8") * samples
            else:
                refuse(f"metrics[{name!r}], which gives a number of the host,")
                loop.means.sums[name] += samples * number("fit", name, value)

    def mark(self) -> Any:
        """What the flag becomes where this batch is not finite: its number since the last look."""
        capture = capturing()
        if capture is None:
            return len(self.batches)
        return capture.numbers(lambda: [len(self.batches)])

    def look(self, loop: Any) -> None:
        """Read the sums and add them to the loop's; stop it at a number that is not finite."""
        if not self.batches:
            return
        memory = devices.to_host(self.memory)
        batches, self.batches = self.batches, []
        self.memory[...] = 0
        (loss, weight), counts = memory[:16].view("f8"), memory[16:32].view("u8")
        mark = int(memory[32:36].view("i4")[0])
        if mark:
            x, target, random_state, loop.step = batches[mark - 1]
            set_rng_state(random_state)
            value = loop.loss(called(loop.model, x), target)
            set_rng_state(random_state)
            loop.stop_at_nonfinite(x, target, value.item())
        loop.means.loss_sum += float(loss)
        loop.means.weight += float(weight)
        loop.labels += int(counts[0])
        loop.right += int(counts[1])
        for name, total in zip(self.metrics, memory[40:].view("f8"), strict=True):
            loop.means.sums[name] += float(total)


class GraphedSteps:
    """Whole steps as a graph: those of batches like the first two that are alike."""

    def __init__(self, tally: DeviceTally):
        self.tally = tally
        self.form: Any = None  # of the last batch, then of those of the graph
        self.step: Any = None

    def take(self, loop: Any, x: Any, target: Any) -> bool:
        """Take the step of a batch, if it is one for the graph."""
        form = _form((x, target))
        if self.step is None and form == self.form:
            self.step = graphed(partial(self.work, loop), warmup=WARMUP)
        elif form != self.form:
            self.form = form if self.step is None else self.form
            return False
        if self.step is None:
            return False
        self.step(x, target)
        loop.gradients.batches = loop.gradients.most  # one_step does the rest
        loop.taken = True
        return True

    def work(self, loop: Any, x: Any, target: Any) -> None:
        """The work of a step on the device."""
        self.tally.compute(loop, x, target)
        loop.change_weights()


@contextmanager
def skipping(optimizer: Optimizer, flag: Any) -> Iterator[None]:
    """Let the optimizer's steps in the block change nothing where the flag is not 0."""
    optimizer.skip = flag
    try:
        yield
    finally:
        del optimizer.skip


def device_tally(loop: Any, graphed: bool = False) -> DeviceTally | None:
    """The tally of a run, or None where its steps need their numbers at once.

    They do on the CPU, where reading is free; on several processes; and with an optimizer that
    steps tensor by tensor.

    Raises: ValueError if steps are to be `graphed` and cannot.
    """
    arrays = [p.array for p in loop.gradients.parameters]
    places = {devices.device_of(array) for array in arrays}
    rules = (
        ("cpu" not in places, "a model on a GPU (or on the emulator), not on cpu"),
        (len(places) == 1, "all parameters on one device"),
        (loop.ranks is None, "one process"),
        (
            _together(loop.optimizer),
            f"an optimizer that steps all parameters at once, as SGD or Adam, not "
            f"{type(loop.optimizer).__name__}",
        ),
        (all(array.dtype in KINDS for array in arrays), "parameters of float32 or float64"),
        (not graphed or loop.gradients.most == 1, "accumulate=1"),
        (
            not graphed or not hasattr(loop.model, "set_progress"),
            f"a model that does not change during training, as {type(loop.model).__name__} does",
        ),
    )
    for holds, rule in rules:
        if not holds and graphed:
            raise ValueError(f"fit: graphed=True needs {rule}")
        if not holds:
            return None
    return DeviceTally(arrays[0], loop.means.sums, graphed)


def _together(optimizer: Optimizer) -> bool:
    return steps_together(type(optimizer))


def _number(share: Any) -> Any:
    """A share as a number, or as an array () of float64 on the device."""
    if isinstance(share, DeviceShare):
        return share.total.astype("f8") / max(share.labels, 1)
    return share


def _form(x: Any) -> Any:
    """The structure of a batch, with shapes, dtypes and devices in the place of its Tensors."""
    if isinstance(x, Tensor):
        return x.shape, x.dtype, x.device
    if isinstance(x, dict):
        return {key: _form(part) for key, part in x.items()}
    return [_form(part) for part in x] if isinstance(x, list | tuple) else x


def _by_dtype(parameters: list[Tensor]) -> list[list[Any]]:
    """The gradients of parameters, in lists of one dtype."""
    found: dict[Any, list[Any]] = {}
    for p in parameters:
        if p.grad is not None:
            found.setdefault(p.grad.array.dtype, []).append(p.grad.array)
    return list(found.values())
