"""Stream and Event: queues of work on a GPU, and marks in them; PyTorch's names over CuPy's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import devices
from ..devices import DeviceLike


class Event:
    """A mark in a stream: to measure time between two, or to let another stream wait for it.

    blocking: whether `synchronize` sleeps instead of spinning.

    Raises: RuntimeError without CuPy or a GPU, ValueError for interprocess=True.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ):
        if interprocess:
            raise ValueError("Event: interprocess=True is not supported")
        cupy = cupy_of("Event")
        self.timed = enable_timing
        self.event = cupy.cuda.Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream: Stream | None = None) -> None:
        """Mark the present end of a stream, by default of the current one."""
        self.event.record(None if stream is None else stream.stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work of a stream, by default of the current one, wait for this mark."""
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self) -> bool:
        """Whether the work before the mark is done."""
        return bool(self.event.done)

    def synchronize(self) -> None:
        """Let the host wait until the work before the mark is done."""
        self.event.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """The milliseconds of the GPU between this mark and a later one.

        Raises: ValueError unless both were made with enable_timing=True.
        """
        if not (self.timed and end_event.timed):
            raise ValueError("elapsed_time: both events must be made with enable_timing=True")
        return cupy_of("elapsed_time").cuda.get_elapsed_time(self.event, end_event.event)


class Stream:
    """A queue of work on a GPU, in which work of `with mt.cuda.stream(s):` is done in its order.

    Work of two streams has no order: one waits for the other by an Event or `wait_stream`. A tensor
    that one stream made and another reads must be kept until that one is done.

    priority: 0, or below for a stream that goes before others.

    Raises: RuntimeError without CuPy or a GPU.
    """

    def __init__(self, device: DeviceLike | None = None, priority: int = 0):
        cupy = cupy_of("Stream", device)
        with cupy.cuda.Device(index_of(device)):
            self.stream = cupy.cuda.Stream(non_blocking=True, priority=priority)

    @classmethod
    def _of(cls, stream: Any) -> Stream:
        found = cls.__new__(cls)
        found.stream = stream
        return found

    @property
    def cuda_stream(self) -> int:
        """The address of CUDA's stream."""
        return self.stream.ptr

    def synchronize(self) -> None:
        """Let the host wait until all work of the stream is done."""
        self.stream.synchronize()

    def query(self) -> bool:
        """Whether all work of the stream is done."""
        return bool(self.stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        """Mark the present end of the stream, by a new Event unless one is given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let later work of this stream wait for a mark."""
        self.stream.wait_event(event.event)

    def wait_stream(self, stream: Stream) -> None:
        """Let later work of this stream wait for all present work of another."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.cuda_stream == self.cuda_stream

    def __hash__(self) -> int:
        return hash(self.cuda_stream)


def current_stream(device: DeviceLike | None = None) -> Stream:
    """The stream to which operations of this thread give their work."""
    return Stream._of(cupy_of("current_stream", device).cuda.get_current_stream())


def default_stream(device: DeviceLike | None = None) -> Stream:
    """The stream that is current outside of `stream` blocks."""
    return Stream._of(cupy_of("default_stream", device).cuda.Stream.null)


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Make a stream the current one in the block; None changes nothing."""
    if stream is None:
        yield
        return
    with stream.stream:
        yield


def cupy_of(name: str, device: DeviceLike | None = None) -> Any:
    """CuPy, once it is known that the GPU exists."""
    devices.check_device("cuda" if device is None else device, name)
    import cupy

    return cupy


def index_of(device: DeviceLike | None) -> int:
    """The number of a GPU; 0 for None and "cuda"."""
    if isinstance(device, int):
        return device
    return devices.device("cuda" if device is None else device).index or 0
