"""DLPack on the CPU, and on a GPU by a stand-in for CuPy; on a GPU: tests/test_gpu.py."""

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import dlpack

CURRENT = 4096  # the address of the stand-in's current stream


def placed(capsule, kind):
    """The capsule, with its memory on another kind of device."""
    address = dlpack._tensor_in(capsule) + dlpack.DEVICE
    (ctypes.c_int32 * 2).from_address(address)[0] = kind
    return capsule


class ndarray:
    """CuPy's array, with its memory on the host."""

    __module__ = "cupy"
    asked: dict
    options = frozenset(["stream", "max_version", "dl_device", "copy"])

    def __init__(self, host):
        self.host, self.shape, self.dtype, self.ndim = host, host.shape, host.dtype, host.ndim
        self.device = SimpleNamespace(id=0)

    def view(self, dtype):
        return ndarray(self.host.view(dtype))

    def copy(self):
        return ndarray(self.host.copy())

    def __dlpack__(self, **options):
        if unknown := options.keys() - self.options:
            raise TypeError(f"unexpected {unknown}")
        ndarray.asked = options
        version = options.get("max_version")
        return placed(self.host.__dlpack__(max_version=version), dlpack.CUDA)

    def __dlpack_device__(self):
        return dlpack.CUDA, 0


def from_dlpack(source):
    """As CuPy's: names its stream, and does not know what is read-only."""
    assert source.__dlpack_device__() == (dlpack.CUDA, 0)
    capsule = source.__dlpack__(stream=CURRENT, max_version=(1, 0))
    host = np.from_dlpack(dlpack._Capsule(placed(capsule, dlpack.CPU)))
    return ndarray(host)


@pytest.fixture
def cupy(monkeypatch):
    cupy = ModuleType("cupy")
    cupy.__spec__ = SimpleNamespace(name="cupy")
    cupy.from_dlpack = from_dlpack
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(mt.devices, "count_gpus", lambda name, device: 1)
    monkeypatch.setattr(mt.devices, "elsewhere", False)


def on_gpu(*numbers, dtype=np.float32):
    return mt.Tensor(ndarray(np.array(numbers, dtype)))


# --------------------------------------------------------------------------------------- giving


@pytest.mark.parametrize("stream", [None, -1, 1, 2, CURRENT])
def test_a_gpu_s_producer_hears_which_stream_shall_wait(stream):
    x = on_gpu(1, 2)
    x.__dlpack__(stream=stream, max_version=(1, 0))
    expected = {} if stream is None else {"stream": stream}
    assert ndarray.asked == {"max_version": (1, 0)} | expected


@pytest.mark.parametrize("stream", [0, -2])
def test_a_stream_that_means_nothing_is_refused(stream):
    with pytest.raises(ValueError, match=rf"^__dlpack__: stream={stream} must be None, -1"):
        on_gpu(1).__dlpack__(stream=stream)


@pytest.mark.parametrize("stream", [True, "1", 1.0])
@pytest.mark.parametrize("make", [on_gpu, lambda *x: mt.tensor(x)])
def test_a_stream_is_an_int(make, stream):
    with pytest.raises(TypeError, match=r"^__dlpack__: stream=.* must be None or an int"):
        make(1).__dlpack__(stream=stream)


def test_the_cpu_has_no_streams():
    x = mt.tensor([1.0])
    for stream in (None, -1):
        assert mt.from_dlpack(x.__dlpack__(stream=stream)).tolist() == [1]
    for stream in (0, 1, 2, CURRENT):
        with pytest.raises(ValueError, match=r"^__dlpack__: stream=\d+ must be None or -1 on the"):
            x.__dlpack__(stream=stream)


def test_a_cupy_that_knows_no_options_gets_the_stream_alone(monkeypatch):
    monkeypatch.setattr(ndarray, "options", frozenset(["stream"]))
    x = on_gpu(1, 2)
    x.__dlpack__(stream=2, max_version=(1, 0))
    assert ndarray.asked == {"stream": 2}
    for option in ({"copy": True}, {"dl_device": (1, 0)}):
        with pytest.raises(TypeError, match=r"unexpected"):
            x.__dlpack__(**option)


def test_memory_that_is_only_to_be_read_is_marked_or_refused():
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    x = mt.from_numpy(fixed)
    with pytest.raises(BufferError):
        x.__dlpack__()
    capsule = x.__dlpack__(max_version=(1, 1))
    assert dlpack._flags_of(capsule) & dlpack.READ_ONLY
    assert np.from_dlpack(x.__dlpack__(copy=True, max_version=(1, 1)) and x).tolist() == [0, 1, 2]
    with pytest.raises(BufferError):
        x.__dlpack__(dl_device=(2, 0))


def test_a_copy_is_in_new_memory():
    x = mt.tensor([1.0, 2.0])
    theirs = mt.from_dlpack(x.__dlpack__(copy=True, max_version=(1, 0)))
    theirs.add_(1)
    assert x.tolist() == [1, 2] and theirs.tolist() == [2, 3]


# --------------------------------------------------------------------------------------- taking


def test_an_array_of_a_gpu_is_shared_and_its_producer_hears_our_stream(cupy):
    theirs = ndarray(np.array([1, 2], np.float32))
    x = mt.from_dlpack(theirs)
    assert ndarray.asked == {"stream": CURRENT, "max_version": (1, 0)}
    assert x.device == "cuda:0" and mt.devices.elsewhere
    x.array.host[0] = 7
    assert theirs.host.tolist() == [7, 2]
    copied = mt.from_dlpack(theirs, copy=True)
    copied.array.host[0] = 9
    assert theirs.host.tolist() == [7, 2]


def test_an_old_producer_on_a_gpu_hears_our_stream_too(cupy, monkeypatch):
    monkeypatch.setattr(ndarray, "options", frozenset(["stream"]))
    assert mt.from_dlpack(ndarray(np.ones(2))).array.host.tolist() == [1, 1]
    assert ndarray.asked == {"stream": CURRENT}


def test_memory_of_a_gpu_that_is_only_to_be_read_is_copied_or_refused(cupy):
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    x = mt.from_dlpack(ndarray(fixed))
    x.array.host[0] = 5
    assert fixed.tolist() == [0, 1, 2]
    with pytest.raises(BufferError, match=r"^from_dlpack: copy=False, but source must not be"):
        mt.from_dlpack(ndarray(fixed), copy=False)


def test_a_tensor_of_the_cpu_in_memory_that_is_only_to_be_read_cannot_be_written_to():
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    x = mt.from_dlpack(fixed)
    assert np.shares_memory(x.numpy(), fixed)
    with pytest.raises((RuntimeError, ValueError)):
        x.add_(1)
    assert mt.from_dlpack(fixed, copy=True).add_(1).tolist() == [1, 2, 3]


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_bfloat16_goes_both_ways(where, cupy):
    pytest.importorskip("ml_dtypes")
    numbers = mt.tensor([1.5, -2], dtype=mt.bfloat16)
    x = numbers if where == "cpu" else mt.Tensor(ndarray(numbers.array))
    back = mt.from_dlpack(x)
    assert back.dtype == mt.bfloat16 and back.device == x.device
    found = back.array if where == "cpu" else back.array.host
    assert np.shares_memory(found, numbers.array)
    assert found.astype(np.float32).tolist() == [1.5, -2]


def test_a_tensor_is_moved_to_the_wanted_device():
    x = np.arange(3, dtype=np.float32)
    assert mt.from_dlpack(x, device="emulator").device == "emulator"
    with pytest.raises(ValueError, match=r"^from_dlpack: copy=False, but source is on cpu, not on"):
        mt.from_dlpack(x, device="emulator", copy=False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mt.from_dlpack([1, 2]), TypeError, "source must be a capsule or have __dlpack__"),
        (lambda: mt.from_dlpack(np.ones(2), copy=1), TypeError, "copy=1 must be True, False or"),
        (lambda: mt.from_dlpack(np.ones(2), device="gpu"), ValueError, "device='gpu' must be"),
        (lambda: mt.from_dlpack(np.ones(2, complex)), TypeError, "dtype=complex128 must be one"),
        (
            lambda: mt.from_dlpack(
                SimpleNamespace(__dlpack__=0, __dlpack_device__=lambda: (10, 0))
            ),
            BufferError,
            "source lies on a device of DLPack's kind 10, must be one of CPU",
        ),
    ],
)
def test_what_cannot_be_taken_is_refused(call, error, message):
    with pytest.raises(error, match=f"^from_dlpack: {message}"):
        call()
