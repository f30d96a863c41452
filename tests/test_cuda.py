"""The GPUs' names without a GPU; with one: tests/test_gpu.py."""

import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import pytest

import minitorch_cnn as mt
from minitorch_cnn.kernels.cuda.array import has_gpu
from tests.interpreter import python

pytestmark = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


def test_without_a_gpu_programs_find_none_and_go_on():
    assert not mt.cuda.is_available() and mt.cuda.device_count() == 0
    mt.cuda.manual_seed(0)
    mt.cuda.manual_seed_all(0)
    mt.cuda.empty_cache()
    assert mt.cuda.memory_allocated() == mt.cuda.memory_reserved() == 0
    assert mt.cuda.max_memory_allocated() == mt.cuda.max_memory_reserved() == 0
    mt.cuda.reset_peak_memory_stats()
    assert mt.device("cuda" if mt.cuda.is_available() else "cpu") == "cpu"


@pytest.mark.parametrize(
    "name",
    ["synchronize", "current_device", "get_device_name", "Event", "Stream", "current_stream"],
)
def test_what_needs_a_gpu_says_so(name):
    with pytest.raises(RuntimeError, match=rf"^{name}: device='cuda' needs "):
        getattr(mt.cuda, name)()


def test_a_seed_for_the_gpu_changes_no_numbers():
    mt.manual_seed(3)
    x = mt.rand(4)
    mt.manual_seed(3)
    mt.cuda.manual_seed_all(5)
    assert mt.rand(4).tolist() == x.tolist()


def test_mixed_precision_is_an_attribute_of_cuda(tmp_path):
    assert python("import minitorch_cnn as mt; print(mt.cuda.amp.autocast)", tmp_path)


@pytest.fixture
def calls(monkeypatch):
    """What is asked of a stand-in for CuPy."""
    calls, cupy = [], ModuleType("cupy")

    class Queue:
        null = SimpleNamespace(ptr=0)

        def __init__(self, non_blocking, priority):
            self.ptr, self.done = id(self), True

        def __enter__(self):
            calls.append("enter")

        def __exit__(self, *error):
            calls.append("exit")

        def synchronize(self):
            calls.append("wait for the stream")

        def wait_event(self, event):
            calls.append(("stream waits", event))

    class Mark:
        def __init__(self, block, disable_timing):
            self.done = False

        def record(self, stream):
            calls.append(("record", stream))

        def synchronize(self):
            calls.append("wait for the event")

    cupy.cuda = SimpleNamespace(
        Device=lambda index: nullcontext(),
        Stream=Queue,
        Event=Mark,
        get_current_stream=lambda: Queue(True, 0),
        get_elapsed_time=lambda start, end: 2.5,
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(mt.devices, "count_gpus", lambda name, device: 1)
    return calls


def test_events_mark_streams_and_streams_wait_for_them(calls):
    side, start, end = mt.cuda.Stream(), *(mt.cuda.Event(enable_timing=True) for _ in "ab")
    with mt.cuda.stream(side):
        start.record()
    end.record(side)
    assert start.elapsed_time(end) == 2.5 and not end.query() and side.query()
    end.synchronize()
    side.synchronize()
    side.wait_event(start)
    assert calls == [
        *("enter", ("record", None), "exit", ("record", side.stream)),
        *("wait for the event", "wait for the stream", ("stream waits", start.event)),
    ]
    with mt.cuda.stream(None):
        assert mt.cuda.default_stream() == mt.cuda.default_stream() != side


def test_a_stream_waits_for_another(calls):
    one, other = mt.cuda.Stream(), mt.cuda.Stream()
    one.wait_stream(other)
    (recorded, of), (waits, _) = calls
    assert (recorded, of, waits) == ("record", other.stream, "stream waits")


def test_time_between_events_that_are_not_timed_is_refused(calls):
    with pytest.raises(ValueError, match=r"^elapsed_time: both events must be made with"):
        mt.cuda.Event().elapsed_time(mt.cuda.Event(enable_timing=True))
    with pytest.raises(ValueError, match=r"^Event: interprocess=True"):
        mt.cuda.Event(interprocess=True)


def test_ranges_are_named_for_a_profiler_and_nothing_happens_without_cupy(monkeypatch):
    with mt.cuda.nvtx.range("step {}", 1):
        mt.cuda.nvtx.mark("here")
    said = []
    nvtx = SimpleNamespace(
        RangePush=lambda text: said.append(text),
        RangePop=lambda: said.append("end"),
        Mark=lambda text: said.append(text),
    )
    monkeypatch.setattr(mt.cuda.nvtx, "_nvtx", lambda: nvtx)
    with pytest.raises(KeyError), mt.cuda.nvtx.range("step {}", 2):
        mt.cuda.nvtx.mark("here")
        raise KeyError
    assert said == ["step 2", "here", "end"]
