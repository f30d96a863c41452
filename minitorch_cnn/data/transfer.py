"""The transfer of batches to a device; to a GPU, one batch ahead of the computation.

A copy from ordinary memory blocks the CPU, because the driver first copies the data into its own
page-locked memory. We therefore copy a batch into page-locked memory ourselves. The GPU fetches it
from there on a second stream, so that batch i + 1 is transferred while batch i is processed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import devices
from ..tensor.tensor import Tensor


def transferred(batches: Iterable[Any], device: str) -> Iterator[Any]:
    """The batches with their Tensors on `device` (a full name: "cuda:0")."""
    if device == "cpu":
        return iter(batches)
    if not device.startswith("cuda"):
        return (map_tensors(batch, lambda t: t.to(device=device)) for batch in batches)
    return _one_ahead(batches, device)


def map_tensors(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to the Tensors of a batch as made by `default_collate`."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: map_tensors(part, change) for key, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [map_tensors(part, change) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def _one_ahead(batches: Iterable[Any], device: str) -> Iterator[Any]:
    lane, coming = _Lane(device), None
    try:
        for batch in batches:
            sent = lane.send(batch)
            if coming is not None:
                yield lane.receive(coming)
            coming = sent
        if coming is not None:
            yield lane.receive(coming)
    finally:  # also where the loop is left early, or the data set raises
        lane.close()


class _Lane:
    """A stream for copies to one GPU, and the page-locked memory that they read."""

    def __init__(self, device: str):
        import cupy

        self.cupy = cupy
        self.gpu = cupy.cuda.Device(int(device.removeprefix("cuda:")))
        self.name = device
        with self.gpu:
            self.stream = cupy.cuda.Stream(non_blocking=True)

    def send(self, batch: Any) -> Any:
        """Start the copy of a batch; return the argument for `receive`.

        The copy waits for the GPU's pending work, which may still read the memory that the copy
        overwrites.
        """
        locked = []

        def start(t: Tensor) -> Tensor:
            if t.device == self.name:
                return t
            source = self._locked_copy(t.array)
            locked.append(source)
            target = self.cupy.empty(source.shape, source.dtype)
            self.stream.wait_event(self.cupy.cuda.get_current_stream().record())
            target.set(source, stream=self.stream)
            return Tensor(target)

        with self.gpu:
            moving = map_tensors(batch, start)
            return moving, self.stream.record(), locked

    def receive(self, sent: Any) -> Any:
        """The batch; work that uses it waits for the transfer."""
        moving, arrival, locked = sent
        with self.gpu:
            self.cupy.cuda.get_current_stream().wait_event(arrival)
            # Only now may the page-locked memory be reused.
            arrival.synchronize()
        locked.clear()
        return moving

    def close(self) -> None:
        """Wait for the copies under way: both ends of their memory may be reused afterwards."""
        self.stream.synchronize()

    def _locked_copy(self, array: np.ndarray) -> np.ndarray:
        array = devices.to_host(array)
        memory = self.cupy.cuda.alloc_pinned_memory(max(array.nbytes, 1))
        copy = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
        copy[...] = array
        return copy
