"""Devices of tensors, transfers, and errors."""

import copy
import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import devices
from minitorch_cnn.kernels.cuda.array import EmulatorArray, has_gpu
from tests.interpreter import python

without_gpu = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


def there(*size):
    return mt.randn(*size, device="emulator")


# ------------------------------------------------------------------------------------------ moving


def test_a_tensor_says_where_it_lies():
    assert mt.zeros(2).device == "cpu"
    assert there(2).device == "emulator"
    assert "device='emulator'" in repr(there(2)) and "device" not in repr(mt.zeros(2))


def test_moving_copies_and_staying_does_not():
    x = mt.randn(2, 3)
    y = x.to("emulator")
    assert type(y.array) is EmulatorArray and y.tolist() == x.tolist()
    assert y.to("emulator") is y and x.cpu() is x
    back = y.cpu()
    y.zero_()
    assert type(back.array) is np.ndarray and back.tolist() == x.tolist() != y.tolist()
    assert x.to(y).device == "emulator" and y.to("cpu", mt.float64).dtype == mt.float64
    assert x.to(device="emulator", dtype=mt.int64).dtype == mt.int64


def test_gradients_flow_back_to_where_the_tensor_lies():
    x, w = mt.ones(3, requires_grad=True), mt.full((3,), 2.0, device="emulator", requires_grad=True)
    y = (x.to("emulator") * w).cpu() * 3
    y.sum().backward()
    assert x.grad.device == "cpu" and x.grad.tolist() == [6, 6, 6]
    assert w.grad.device == "emulator" and w.grad.tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    "make",
    [
        lambda **at: mt.tensor([[1, 2.5], [3, 4]], **at),
        lambda **at: mt.as_tensor([1.5, 2], **at),
        lambda **at: mt.zeros(2, 3, **at),
        lambda **at: mt.ones(2, **at),
        lambda **at: mt.full((2,), 7, **at),
        lambda **at: mt.eye(3, 2, **at),
        lambda **at: mt.arange(1, 9, 2, **at),
        lambda **at: mt.linspace(0, 1, 5, **at),
        lambda **at: mt.randn(4, 3, **at),
        lambda **at: mt.rand(5, **at),
        lambda **at: mt.randint(9, (6,), **at),
        lambda **at: mt.randperm(7, **at),
        lambda **at: mt.randn_like(mt.zeros(3, **at)),
        lambda **at: mt.rand_like(mt.zeros(3, **at)),
        lambda **at: mt.zeros_like(mt.ones(3, **at)),
        lambda **at: mt.full_like(mt.ones(3, **at), 2),
    ],
)
def test_new_tensors_are_the_same_everywhere_the_drawn_ones_for_the_same_seed(make):
    mt.manual_seed(3)
    here = make()
    mt.manual_seed(3)
    far = make(device="emulator")
    assert far.device == "emulator" and far.dtype == here.dtype and far.tolist() == here.tolist()


def test_tensor_keeps_the_device_of_its_data_unless_told():
    x = there(3)
    assert mt.tensor(x).device == "emulator"
    assert mt.tensor(x, device="cpu").device == "cpu"
    assert mt.tensor([x[0], 2.0]).device == "cpu"
    assert mt.as_tensor(x) is x
    array = np.ones(2, np.float32)
    assert np.shares_memory(mt.as_tensor(array).array, array)


def test_copy_and_assignment_bring_numbers_from_another_device():
    x, y = mt.zeros(3), there(3)
    assert x.copy_(y).tolist() == y.tolist() and x.device == "cpu"
    y[1:] = mt.tensor([4.0, 5.0])
    assert y.tolist()[1:] == [4, 5] and y.device == "emulator"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles_stay_on_the_device(again):
    assert again(there(2)).device == "emulator"


def test_indices_of_the_cpu_go_with_any_tensor():
    x = there(4)
    i = mt.tensor([2, 0])
    assert x[i].tolist() == x[i.to("emulator")].tolist() == [x[2].item(), x[0].item()]
    x[i] = 7
    assert x[mt.tensor([True, False, True, False])].tolist() == [7, 7]
    with pytest.raises(RuntimeError, match=r"^index: indices\[0\] on emulator must be on the CPU"):
        mt.zeros(4)[i.to("emulator")]


def test_numbers_of_the_cpu_go_with_any_tensor():
    x = there(3).requires_grad_()
    for two in (2, 2.0, np.float32(2), mt.tensor(2.0)):
        (g,) = mt.grad((x * two).sum(), x)
        assert g.device == "emulator" and g.tolist() == [2, 2, 2]
    assert (x > mt.tensor(0.0)).device == "emulator"


def test_numpy_sees_tensors_of_the_cpu_only():
    with pytest.raises(TypeError, match=r"^numpy: the tensor is on emulator; use cpu\(\)"):
        there(2).numpy()
    with pytest.raises(TypeError, match=r"^numpy: the tensor is on emulator"):
        np.asarray(there(2))
    for share in (lambda x: x.__dlpack__(), lambda x: x.__dlpack_device__()):
        with pytest.raises(RuntimeError, match=r"other programs know no emulator; use cpu\(\)"):
            share(there(2))
    assert not hasattr(mt.zeros(2), "__cuda_array_interface__")


# ------------------------------------------------------------------------------- refusing to mix


F = mt.nn.functional


@pytest.mark.parametrize(
    "mix, message",
    [
        (lambda a, b: a + b, r"^Add: .* a on emulator, b on cpu; move them"),
        (lambda a, b: b @ a, r"^MatMul: .* a on cpu, b on emulator; move"),
        (lambda a, b: mt.cat([a, b]), r"^Cat: .* 0 on emulator, 1 on cpu"),
        (lambda a, b: mt.where(b > 0, a, 0.0), r"^Where: .* a on emulator, mask on cpu"),
        (lambda a, b: a > b, r"^gt: .* 0 on emulator, 1 on cpu"),
        (lambda a, b: a.add_(b), r"^add_: .* 0 on emulator, 1 on cpu"),
        (lambda a, b: b.clone().mul_(a), r"^mul_: .* 0 on cpu, 1 on emulator"),
        (lambda a, b: a.gather(0, (b > 0).long()), r"^Gather: .* x on emulator, index on cpu"),
        (lambda a, b: F.linear(a, b), r"on emulator, .* on cpu"),
        (
            lambda a, b: F.cross_entropy(a, mt.tensor([0, 1])),
            r"^cross_entropy: .* input on emu"
            r"lator, target on cpu",
        ),
        (lambda a, b: F.conv2d(a[None, None], b[None, None]), r"^Conv2d: .* x on emulator, w on c"),
        (
            lambda a, b: (a * a).backward(b),
            r"^backward: the gradient is on cpu, the tensor on emul",
        ),
    ],
)
def test_operations_on_tensors_that_lie_apart_name_them_and_their_places(mix, message):
    a, b = there(2, 2).requires_grad_(), mt.randn(2, 2)
    with pytest.raises(RuntimeError, match=message):
        mix(a if "_" not in message[:6] else a.detach(), b)


# ------------------------------------------------------------------------------------------- CUDA


def test_the_first_import_loads_no_cupy(tmp_path):
    code = "import sys, minitorch_cnn as mt; mt.zeros(2) + 1; print('cupy' in sys.modules)"
    assert python(code, tmp_path).strip() == "False"


@without_gpu
@pytest.mark.parametrize("call", [lambda: mt.ones(2).cuda(), lambda: mt.nn.Linear(2, 3).cuda()])
def test_without_cupy_or_gpu_the_error_says_what_is_missing_and_what_runs_here(call):
    with pytest.raises(RuntimeError, match=r"^to: device='cuda' needs .*device='emulator' runs"):
        call()


class OutOfMemoryError(MemoryError):
    __module__ = "cupy.cuda.memory"


@pytest.fixture
def cupy(monkeypatch):
    """A stand-in for CuPy, with one GPU of 8 GiB and a pool of 5 GiB, 4 of them in use."""
    cupy = ModuleType("cupy")
    cupy.__spec__ = SimpleNamespace(name="cupy")
    pool = SimpleNamespace(used_bytes=lambda: 4 << 30, free_bytes=lambda: 1 << 30)
    runtime = SimpleNamespace(getDeviceCount=lambda: 1, memGetInfo=lambda: (3 << 30, 8 << 30))
    cupy.get_default_memory_pool = lambda: pool
    cupy.cuda = SimpleNamespace(is_available=lambda: True, runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    return cupy


@pytest.mark.parametrize("device, full", [("cuda", "cuda:0"), ("cuda:0", "cuda:0"), (None, "cpu")])
def test_device_names_are_read_in_full(cupy, device, full):
    assert devices.check_device(device, "f") == full


@pytest.mark.parametrize("device", ["cuda:1", "cuda:x", "gpu", "cuda1", 1.5, "CPU"])
def test_devices_that_there_are_not_are_refused(cupy, device):
    with pytest.raises(ValueError, match=rf"^f: device={device!r} must be"):
        devices.check_device(device, "f")


def test_out_of_memory_says_what_was_asked_what_is_held_and_what_to_try(cupy):
    class Greedy(mt.autograd.ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            raise OutOfMemoryError("Out of memory allocating 9,000 bytes.")

    with pytest.raises(MemoryError) as caught:
        Greedy.apply(mt.zeros(2, 3))
    assert str(caught.value).startswith(
        "Greedy: the GPU's memory is exhausted, with inputs of shape (2, 3): Out of memory "
        "allocating 9,000 bytes. Tensors hold 4.00 GiB, CuPy's pool keeps 1.00 GiB more, 3.00 of "
        "8.00 GiB are free. Try a smaller batch"
    )


def test_out_of_main_memory_stays_what_it_is():
    class Greedy(mt.autograd.ArrayFunction):
        @staticmethod
        def forward(ctx, x):
            raise MemoryError("main memory")

    with pytest.raises(MemoryError, match=r"^main memory$"):
        Greedy.apply(mt.zeros(2))


@pytest.mark.parametrize("dtype", [mt.float32, mt.int64, mt.bool])
def test_tensors_like_another_are_made_where_it_lies(dtype):
    x = mt.zeros(2, 3, dtype=dtype, device="emulator")
    for make, value in ((mt.zeros_like, 0), (mt.ones_like, 1), (mt.Tensor.new_ones, 1)):
        y = make(x) if make is not mt.Tensor.new_ones else make(x, 2, 3)
        assert (y.device, y.dtype, y.shape) == ("emulator", dtype, (2, 3))
        assert y.tolist() == [[value] * 3] * 2
    assert mt.full_like(x, 1).tolist() == x.new_full((2, 3), 1).tolist() == [[1] * 3] * 2


def test_runs_of_equal_elements_are_found_where_they_lie():
    x = mt.tensor([1, 1, 2, 1], device="emulator")
    values, places, counts = mt.unique_consecutive(x, True, True)
    assert {t.device for t in (values, places, counts)} == {"emulator"}
    assert [t.tolist() for t in (values, places, counts)] == [[1, 2, 1], [0, 0, 1, 2], [2, 1, 1]]


# --------------------------------------------------------------------------------- names of devices


def test_a_device_is_its_name_with_a_type_and_an_index():
    for d in (mt.device("cuda:1"), mt.device("cuda", 1), mt.device(1)):
        assert d == "cuda:1" and (d.type, d.index) == ("cuda", 1)
        assert repr(d) == "device(type='cuda', index=1)" and str(d) == "cuda:1"
        assert pickle.loads(pickle.dumps(d)) == d and {d: 1}["cuda:1"] == 1
    assert (mt.device("cuda").index, mt.device("cpu", 0)) == (None, "cpu")
    assert mt.device(mt.device("emulator")).type == "emulator"
    x = mt.zeros(2, device=mt.device("cpu"))
    assert isinstance(x.device, mt.device) and x.device == mt.device("cpu")
    assert x.to(mt.device("cpu")) is x and x.device.type == "cpu"


@pytest.mark.parametrize(
    "args, error",
    [
        (("mps",), ValueError),
        (("cuda:x",), ValueError),
        (("cuda:1", 1), ValueError),
        (("cuda", "1"), ValueError),
        ((1.0,), TypeError),
        ((True,), TypeError),
    ],
)
def test_what_names_no_device_is_refused(args, error):
    with pytest.raises(error, match=r"^device: "):
        mt.device(*args)


def test_there_is_no_current_device():
    with pytest.raises(RuntimeError, match=r"^device: there is no current device"), mt.device(0):
        pass


# ----------------------------------------------------------------- other libraries' arrays on a GPU


class ndarray:
    """CuPy's array, as far as a Tensor asks."""

    __module__ = "cupy"

    def __init__(self, pointer):
        self.shape, self.dtype, self.ndim = (2,), np.dtype("float32"), 1
        self.device = SimpleNamespace(id=0)
        self.__cuda_array_interface__ = {"shape": (2,), "data": (pointer, False), "version": 3}

    def __dlpack__(self, **options):
        return "capsule", options

    def __dlpack_device__(self):
        return 2, 0


def test_a_tensor_on_a_gpu_shows_its_memory_by_both_protocols():
    x = mt.Tensor(ndarray(4096))
    assert x.device == "cuda:0"
    assert x.__cuda_array_interface__["data"] == (4096, False)
    assert x.__dlpack__(stream=1) == ("capsule", {"stream": 1})  # more: tests/tensor/test_dlpack.py
    assert x.__dlpack_device__() == (2, 0)
    x.requires_grad_()
    with pytest.raises(RuntimeError, match=r"requires grad; use detach\(\)"):
        x.__dlpack__()
    with pytest.raises(RuntimeError, match=r"requires grad; use detach\(\)"):
        x.__cuda_array_interface__  # noqa: B018


def test_arrays_of_a_gpu_are_taken_over_by_both_protocols(cupy):
    cupy.asarray = lambda source: ndarray(source.__cuda_array_interface__["data"][0])
    cupy.from_dlpack = lambda source: ndarray(source.pointer)
    foreign = SimpleNamespace(
        __cuda_array_interface__={"data": (512, False)},
        __dlpack_device__=lambda: (2, 0),
        pointer=1024,
    )
    for x, pointer in ((mt.as_tensor(foreign), 512), (mt.from_dlpack(foreign), 1024)):
        assert x.device == "cuda:0"
        assert x.__cuda_array_interface__["data"][0] == pointer
