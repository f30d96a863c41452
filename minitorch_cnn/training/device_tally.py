"""DeviceTally: the loss, the accuracy and the check for NaN of `fit`, summed up on a device.

A number that the host reads makes it wait for the device, which is then idle until the host has
queued work again. So sums stay on the device, and the host reads them every few steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import devices
from ..functional.class_losses import DeviceShare
from ..kernels.cross_entropy import tally
from ..kernels.optimizer import find_nonfinite
from ..optim import Optimizer
from ..optim.optimizer import steps_together
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .batches import called, samples_in
from .metrics import are_classes
from .objective import deferred_loss_of_batch, main_output

STEPS = 16  # between two looks; so many batches stay in memory, to find a NaN's place in
KINDS = (np.float32, np.float64)


class DeviceTally:
    """The sums of the steps since the last look, on the device of the parameters.

    After a loss or gradient that is not finite the optimizer's steps change nothing (its `skip`
    is the flag), so that the look finds the parameters of that step.
    """

    def __init__(self, like: Any):
        self.memory = np.zeros(40, np.uint8, like=like)
        self.sums, self.counts = self.memory[:16].view("f8"), self.memory[16:32].view("u8")
        self.flag = self.memory[32:36].view("i4")
        self.steps: list[tuple[Any, Any, Any, Tensor]] = []

    def one_batch(self, loop: Any, x: Any, target: Any) -> None:
        """Compute the gradient of a batch, and add up its loss and its right answers."""
        samples, random_state = samples_in("fit", x), get_rng_state()
        output = called(loop.model, x)
        loss = deferred_loss_of_batch("fit", loop.loss, output, target)
        if not loss.value.requires_grad:
            raise ValueError("fit: loss does not depend on any trainable parameter")
        self.steps.append((x, target, random_state, loss.value.detach()))
        mark, share = len(self.steps), loss.share
        loop.gradients.add(loss.value, 1.0)
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
        loop.samples += samples
        loop.means.samples += samples

    def look(self, loop: Any) -> None:
        """Read the sums and add them to the loop's; stop it at a number that is not finite."""
        if not self.steps:
            return
        memory = devices.to_host(self.memory)
        steps, self.steps = self.steps, []
        self.memory[...] = 0
        (loss, weight), counts = memory[:16].view("f8"), memory[16:32].view("u8")
        mark = int(memory[32:36].view("i4")[0])
        if mark:
            x, target, random_state, value = steps[mark - 1]
            loop.step -= len(steps) - (mark - 1)
            set_rng_state(random_state)
            loop.stop_at_nonfinite(x, target, value.item())
        loop.means.loss_sum += float(loss)
        loop.means.weight += float(weight)
        loop.labels += int(counts[0])
        loop.right += int(counts[1])


@contextmanager
def skipping(optimizer: Optimizer, flag: Any) -> Iterator[None]:
    """Let the optimizer's steps in the block change nothing where the flag is not 0."""
    optimizer.skip = flag
    try:
        yield
    finally:
        del optimizer.skip


def device_tally(loop: Any) -> DeviceTally | None:
    """The tally of a run, or None where its steps need their numbers at once.

    They do on the CPU, where reading is free; with batches accumulated, with clipping or metrics;
    on several processes; and with an optimizer that steps tensor by tensor.
    """
    at_once = loop.gradients.most != 1 or loop.clip_norm is not None or loop.ranks is not None
    if at_once or loop.means.sums or not _together(loop.optimizer):
        return None
    arrays = [p.array for p in loop.gradients.parameters]
    places = {devices.device_of(array) for array in arrays}
    if len(places) != 1 or "cpu" in places or any(array.dtype not in KINDS for array in arrays):
        return None
    return DeviceTally(arrays[0])


def _together(optimizer: Optimizer) -> bool:
    return steps_together(type(optimizer))


def _by_dtype(parameters: list[Tensor]) -> list[list[Any]]:
    """The gradients of parameters, in lists of one dtype."""
    found: dict[Any, list[Any]] = {}
    for p in parameters:
        if p.grad is not None:
            found.setdefault(p.grad.array.dtype, []).append(p.grad.array)
    return list(found.values())
