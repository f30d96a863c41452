"""Graphs: what a step asks of a device, captured once and then replayed by a single launch.

    graph = Graph(like)
    graph.capture(step)        # nothing is computed yet
    graph.replay()             # all of it, again and again

A replay repeats the launches with the same addresses and values. What changes from step to step is
therefore read from the device, where a replay writes it first: `Capture.numbers` (a learning rate),
`Capture.key` (random numbers), and by `refreshers` all else. On a GPU this is a CUDA graph, whose
arrays lie in a memory pool of its own; on the emulator a Tape.
"""

import gc
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import numpy as np

from .array import EmulatorArray
from .launch import counters, empty
from .tape import GraphError, Tape, this_thread

BYTES = 1 << 14  # of the numbers and keys that a replay writes


class Capture:
    """A step that is being captured, and what each replay writes to the device first."""

    def __init__(self, like: Any):
        self.like = like
        self.refreshers: list[Callable[[], None]] = []  # called before each replay
        self.undo: list[Callable[[], None]] = []  # called if the step cannot be captured
        self.checks: list[Callable[[], None]] = []  # called before anything else of a replay
        self.steps: list[Any] = []  # of optimizers, noted by them
        self.leaves: dict[int, tuple[Any, Any]] = {}  # with the gradients that they had
        self._constants: list[tuple[Any, np.ndarray]] = []
        self._host = np.zeros(BYTES, np.uint8)
        self._device = empty((BYTES,), np.uint8, like=like)
        self._sent = b""
        self._used = 0

    def numbers(self, read: Callable[[], Sequence[float]]) -> Any:
        """An array of float64 on the device that each replay fills with the numbers of read()."""
        count = len(read())
        host, device = self._reserve(np.float64, count)
        self.refreshers.append(lambda: host.__setitem__(slice(None), read()))
        return device

    def key(self, draw: Callable[[], int]) -> Any:
        """An array () of uint64 on the device that each replay fills with a number of draw()."""
        host, device = self._reserve(np.uint64, 1)
        self.refreshers.append(lambda: host.__setitem__(0, draw()))
        return device.reshape(())

    def constant(self, array: np.ndarray) -> Any:
        """A copy of a host array on the device, made before the first replay."""
        device = empty(array.shape, array.dtype, like=self.like)
        self._constants.append((device, np.array(array)))
        return device

    def note_leaf(self, leaf: Any) -> None:
        """Before its gradient changes: a tensor that gets one."""
        self.leaves.setdefault(id(leaf), (leaf, leaf.grad))

    def refresh(self) -> None:
        """Write to the device what this replay reads there."""
        for refresher in self.refreshers:
            refresher()
        for device, host in self._constants:
            fill(device, host)
        self._constants.clear()
        now = self._host[: self._used].tobytes()
        if now != self._sent:
            fill(self._device[: self._used], self._host[: self._used])
            self._sent = now

    def abort(self) -> None:
        """Undo what capturing changed on the host, the last change first."""
        for undo in reversed(self.undo):
            undo()
        for leaf, grad in self.leaves.values():
            leaf.grad = grad

    def _reserve(self, dtype: Any, count: int) -> tuple[np.ndarray, Any]:
        begin, end = self._used, self._used + 8 * count
        if end > BYTES:
            raise GraphError(f"more than {BYTES // 8} numbers and random draws")
        self._used = end
        return self._host[begin:end].view(dtype), self._device[begin:end].view(dtype)


def capturing() -> Capture | None:
    """The capture of this thread, or None."""
    return this_thread.capture


def constant(array: np.ndarray, like: Any) -> Any:
    """A host array on the device of `like`, also while a step is captured."""
    capture = this_thread.capture
    return np.asarray(array, like=like) if capture is None else capture.constant(array)


def fill(device: Any, host: np.ndarray) -> None:
    """Copy a host array to an array of a device; the host does not wait for the device."""
    if isinstance(device, EmulatorArray):
        device.view(np.ndarray)[...] = host
        return
    import cupy

    # CUDA waits for the work of the stream before a copy from pageable memory, as by set(); asarray
    # copies from page-locked memory.
    with device.device:
        device[...] = cupy.asarray(host)


def refuse(what: str) -> None:
    """Raise GraphError where a step is captured, with what it cannot do there as the subject."""
    if this_thread.capture is not None:
        raise GraphError(what)


class Graph:
    """The work of a step on the device of `like`.

    `warming` is a context for steps before the capture, on the stream of the capture: they compile
    kernels and allocate what lasts.
    """

    def __init__(self, like: Any):
        self.like = like
        self.work: Tape | _GpuWork = Tape() if isinstance(like, EmulatorArray) else _GpuWork(like)
        self.state: Capture | None = None

    def warming(self) -> Any:
        """The context of a step that runs as usual."""
        return nullcontext() if isinstance(self.work, Tape) else self.work.warming()

    def capture(self, step: Callable[[], Any]) -> Any:
        """Capture step() and return its result, whose arrays a replay fills.

        Raises: GraphError for what a graph cannot hold, and any error of the step; then nothing is
        captured, and nothing was computed.
        """
        if this_thread.capture is not None:
            raise GraphError("a graph within a graph")
        gc.collect()
        capture = Capture(self.like)
        this_thread.capture = capture
        try:
            with np.errstate(all="ignore"), self.work:
                result = step()
        except BaseException:
            capture.abort()
            raise
        finally:
            this_thread.capture = None
        self.state = capture
        return result

    def replay(self) -> None:
        """Do the captured work with the present numbers; the host does not wait for it."""
        state = self.state
        if state is None:
            raise RuntimeError("Graph: nothing was captured")
        for check in state.checks:
            check()
        state.refresh()
        self.work.replay()


class _GpuWork:
    """A CUDA graph, by CuPy's capture of a stream."""

    def __init__(self, like: Any):
        import cupy

        self.cupy, self.gpu, self.like = cupy, like.device, like
        with self.gpu:
            self.stream = cupy.cuda.Stream(non_blocking=True)
            self.pool = cupy.cuda.MemoryPool()
        self.graph: Any = None

    @contextmanager
    def warming(self):
        with self._joined():
            yield

    @contextmanager
    def _joined(self):
        """Work of the block follows all before it, and what is after it follows that."""
        with self.gpu:
            outside = self.cupy.cuda.get_current_stream()
            self.stream.wait_event(outside.record())
            with self.stream:
                yield
            outside.wait_event(self.stream.record())

    def __enter__(self) -> "_GpuWork":
        self._joining = self._joined()
        self._joining.__enter__()
        counters(1, like=self.like)  # those of this stream are zeros before they are captured
        self._pooling = self.cupy.cuda.using_allocator(self.pool.malloc)
        self._pooling.__enter__()
        self.stream.begin_capture()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self.graph = self.stream.end_capture()
            else:
                with suppress(Exception):  # an error within may have ended the capture
                    self.stream.end_capture()
        finally:
            self._pooling.__exit__(None, None, None)
            self._joining.__exit__(None, None, None)

    def replay(self) -> None:
        with self.gpu:
            self.graph.launch(self.cupy.cuda.get_current_stream())
