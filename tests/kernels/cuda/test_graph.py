"""Graphs: the order of CUDA's calls on a stand-in for CuPy, and the tapes of the emulator."""

import sys
from contextlib import contextmanager, nullcontext
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from minitorch_cnn.kernels import matmul
from minitorch_cnn.kernels.conv2d.cuda import choose, im2col, implicit_gemm, pointwise, product
from minitorch_cnn.kernels.cuda import launch
from minitorch_cnn.kernels.cuda.array import has_compiler, to_emulator
from minitorch_cnn.kernels.cuda.graph import BYTES, Capture, Graph, GraphError, capturing, constant
from minitorch_cnn.kernels.window import Window

needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")


class Queue:
    """cupy.cuda.Stream, which notes what it is asked for."""

    def __init__(self, calls: list, name: str):
        self.calls, self.name, self.ptr = calls, name, name

    def __enter__(self):
        self.calls.append(f"{self.name}: enter")

    def __exit__(self, *error):
        self.calls.append(f"{self.name}: exit")

    def record(self):
        return f"the end of {self.name}"

    def wait_event(self, event):
        self.calls.append(f"{self.name}: wait for {event}")

    def begin_capture(self):
        self.calls.append(f"{self.name}: begin")

    def end_capture(self):
        self.calls.append(f"{self.name}: end")
        return SimpleNamespace(launch=lambda on: self.calls.append(f"{on.name}: launch"))


@pytest.fixture
def calls(monkeypatch):
    """What is asked of a stand-in for CuPy, whose current stream is "outside"."""
    calls, cupy = [], ModuleType("cupy")

    @contextmanager
    def using_allocator(allocator):
        calls.append(f"{allocator}: in")
        try:
            yield
        finally:
            calls.append(f"{allocator}: out")

    cupy.cuda = SimpleNamespace(
        Stream=lambda non_blocking: Queue(calls, "side"),
        MemoryPool=lambda: SimpleNamespace(malloc="pool"),
        using_allocator=using_allocator,
        get_current_stream=lambda: Queue(calls, "outside"),
        runtime=SimpleNamespace(getDevice=lambda: 0),
    )
    cupy.empty = lambda shape, dtype: np.empty(shape, dtype)
    cupy.zeros = lambda shape, dtype: calls.append("zeros") or np.zeros(shape, dtype)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(launch, "_counters", {})
    return calls


LIKE = SimpleNamespace(device=nullcontext())
JOINED = ["side: wait for the end of outside", "side: enter"]
APART = ["side: exit", "outside: wait for the end of side"]


def test_a_gpu_captures_on_a_stream_and_in_a_pool_of_its_own(calls):
    graph = Graph(LIKE)
    with graph.warming():
        calls.append("step")
    assert calls == [*JOINED, "step", *APART]
    calls.clear()
    assert graph.capture(lambda: calls.append("step") or 5) == 5
    within = ["zeros", "pool: in", "side: begin", "step", "side: end", "pool: out"]
    assert calls == [*JOINED, *within, *APART]
    calls.clear()
    graph.replay()
    graph.replay()
    assert calls == ["outside: launch"] * 2


class OnGpu(np.ndarray):
    """An array of the stand-in, which nobody sets: that would wait for the stream."""

    device = nullcontext()


def test_before_a_replay_its_numbers_go_to_the_device_without_waiting_for_it(calls):
    cupy = sys.modules["cupy"]
    cupy.empty = lambda shape, dtype: np.empty(shape, dtype).view(OnGpu)
    cupy.asarray = lambda host: calls.append("page-locked") or host.copy()
    graph, rates = Graph(LIKE), [0.5, 0.5, 0.25]
    read = graph.capture(lambda: capturing().numbers(lambda: [rates[0]]))
    calls.clear()
    for rate in (0.5, 0.5, 0.25):
        graph.replay()
        assert read.tolist() == [rate]
        rates.pop(0)
    sent = ["page-locked", "outside: launch"]
    assert calls == [*sent, "outside: launch", *sent]


def test_a_gpu_ends_a_capture_that_fails_and_leaves_stream_and_pool(calls):
    graph, undone = Graph(LIKE), []

    def step():
        capturing().undo.append(lambda: undone.append(1))
        raise GraphError("this")

    with pytest.raises(GraphError, match="this"):
        graph.capture(step)
    assert calls[-4:] == ["side: end", "pool: out", *APART] and undone == [1]
    with pytest.raises(RuntimeError, match=r"^Graph: nothing was captured"):
        graph.replay()
    graph.capture(lambda: None)


def test_products_of_a_captured_step_on_a_gpu_take_no_library(monkeypatch):
    monkeypatch.setattr(product, "library_refuses", lambda array: True)
    monkeypatch.setattr("minitorch_cnn.kernels.conv2d.cuda.library_refuses", lambda array: True)
    x = to_emulator(np.zeros((2, 4, 5, 5)))
    for window, groups, usual in ((Window(1), 1, pointwise), (Window(9), 2, im2col)):
        shape = 6, 4 // groups, *window.kernel
        assert choose("forward", x, shape, window, groups) is implicit_gemm.PLAIN
        monkeypatch.setattr(
            "minitorch_cnn.kernels.conv2d.cuda.library_refuses", lambda array: False
        )
        assert choose("forward", x, shape, window, groups) is usual
        monkeypatch.setattr("minitorch_cnn.kernels.conv2d.cuda.library_refuses", lambda array: True)


@needs_compiler
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    "shapes",
    [
        ((6, 64), (64, 10)), ((1, 3), (3, 1)), ((3, 5, 7), (3, 7, 2)), ((2, 1, 4, 5), (3, 5, 6)),
        ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((70, 33), (33, 130)),
    ],
)  # fmt: skip
def test_matrix_products_by_the_kernels_of_convolutions_are_right(shapes, dtype, monkeypatch):
    monkeypatch.setattr(product, "library_refuses", lambda array: True)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape) for shape in shapes)
    turned = to_emulator(np.swapaxes(a, -1, -2).astype(dtype)).swapaxes(-1, -2)
    for left in (to_emulator(a.astype(dtype)), turned):
        found = matmul.matmul(left, to_emulator(b.astype(dtype))).get()
        assert found.dtype == dtype
        tolerance = 1e-5 if dtype == "f4" else 1e-12
        np.testing.assert_allclose(found, a @ b, rtol=0, atol=tolerance * 30)


# --------------------------------------------------------------------------------------- the tapes

CALLS = {
    "arithmetic": lambda x: (x * 2 + 1) / (x - x.max() - 1),
    "sums": lambda x: x.sum(axis=0, keepdims=True) + x.mean() + np.add.accumulate(x, 1),
    "in place": lambda x: _in_place(x.copy()),
    "parts": lambda x: x[1] + x[:, np.asarray([2, 0, 1], like=x)[0]] + x[..., -1],
    "an array of places": lambda x: x[:, x.argsort(axis=1)[0] % 3],
    "views": lambda x: x.T.reshape(-1) + x.ravel() + np.moveaxis(x, 0, 1).reshape(-1),
    "functions": lambda x: np.where(x > 0, x, 0) + np.concatenate([x, x])[:3] + np.roll(x, 1),
    "new arrays": lambda x: np.zeros_like(x) + np.arange(3, like=x),
    "methods": lambda x: x.astype("f4").clip(0, 1).cumsum(axis=1).take(0, axis=1) + x.argmax(),
    "several results": lambda x: sum(np.split(x, 3)) + np.modf(x)[0],
    "writing functions": lambda x: _written(np.zeros_like(x), x),
}


def _in_place(y):
    y += 1
    y[0] = 5
    y[:, 1] *= y[:, 2]
    y.sort(axis=1)
    np.add.at(y, (np.asarray(0, like=y), slice(None)), y[1])
    y[2].fill(3)
    return y


def _written(y, x):
    np.copyto(y, x)
    np.put_along_axis(y, x.argmax(axis=1)[:, None], 7.0, 1)
    return np.multiply(y, 2, out=y)


@pytest.mark.parametrize("name", CALLS)
def test_a_replay_makes_every_call_again_on_new_numbers(name):
    call, rng = CALLS[name], np.random.default_rng(4)
    x = to_emulator(np.full((3, 3), np.nan))
    graph = Graph(x)
    found = graph.capture(lambda: call(x))
    for _ in range(2):
        numbers = rng.standard_normal((3, 3))
        x.view(np.ndarray)[...] = numbers
        graph.replay()
        np.testing.assert_array_equal(found.get(), call(to_emulator(numbers)).get())


def test_what_a_replay_reads_is_written_before_it():
    like, numbers, keys, table = to_emulator(np.zeros(2)), [1.5, 2.5], iter(range(10)), np.arange(3)
    seen = {}

    def step():
        from minitorch_cnn.kernels.cuda.graph import capturing

        capture = capturing()
        seen["n"] = capture.numbers(lambda: numbers) * 2
        seen["k"] = capture.key(lambda: 2**63 + next(keys)) + np.uint64(1)
        seen["t"] = constant(table, like) + 1

    graph = Graph(like)
    graph.capture(step)
    table[0] = 9  # too late
    for i in range(3):
        numbers[0] = i
        graph.replay()
        assert seen["n"].tolist() == [2 * i, 5] and seen["t"].tolist() == [1, 2, 3]
        assert seen["k"].tolist() == 2**63 + i + 1
    with pytest.raises(GraphError, match="more than 2048 numbers"):
        Capture(like).numbers(lambda: [0.0] * (BYTES // 8 + 1))
