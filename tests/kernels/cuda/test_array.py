import copy
import pickle
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from minitorch_cnn.kernels import dispatch, use
from minitorch_cnn.kernels.cuda.array import (
    EmulatorArray,
    is_emulated,
    on_gpu,
    on_host,
    to_emulator,
    to_host,
)


@pytest.fixture
def x():
    return to_emulator(np.arange(6.0).reshape(2, 3))


def test_a_round_trip_to_the_device_copies_the_array():
    host = np.arange(6.0).reshape(2, 3).T
    there = to_emulator(host)
    assert type(there) is EmulatorArray and there.device == "emulator"
    assert there.flags.c_contiguous and not np.shares_memory(there.view(np.ndarray), host)
    for back in (there.get(), to_host(there)):
        assert type(back) is np.ndarray and np.array_equal(back, host)
    assert to_host(host) is host


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + x,
        lambda x: 2 * x,
        lambda x: np.float64(2) * x,
        lambda x: x @ x.T,
        lambda x: x > 1,
        lambda x: x.sum(),
        lambda x: x.sum(axis=0),
        lambda x: x.max(),
        lambda x: x.argmax(),
        lambda x: np.argmin(x, axis=1),
        lambda x: x[0],
        lambda x: x[1, 2],
        lambda x: x[x > 2],
        lambda x: x.T.reshape(6),
        lambda x: x.astype(np.float32),
        lambda x: x.mean(),
        lambda x: np.exp(x),
        lambda x: np.where(x > 1, x, 0),
        lambda x: np.concatenate([x, x]),
        lambda x: np.zeros_like(x),
        lambda x: np.zeros(3, like=x),
        lambda x: np.asarray(np.arange(2.0), np.float32, like=x),
        lambda x: np.maximum(x, 1, out=x),
        lambda x: next(iter(x[0])),
    ],
)
def test_results_stay_on_the_device_also_0d_arrays(x, compute):
    expected = compute(x.get())
    y = compute(x)
    assert type(y) is EmulatorArray
    assert np.array_equal(y.get(), expected)


@pytest.mark.parametrize(
    "mix",
    [
        lambda x, host: x + host,
        lambda x, host: host + x,
        lambda x, host: np.maximum(host, x),
        lambda x, host: np.where(host > 1, x, 0),
        lambda x, host: np.concatenate([x, host]),
        lambda x, host: np.add(x, x, out=host),
        lambda x, host: host.__iadd__(x),
        lambda x, host: np.add.at(x, (0,), host[0]),
        lambda x, host: x.__setitem__(0, host[0]),
        lambda x, host: x @ host.T,
    ],
)
def test_host_arrays_do_not_mix_with_emulator_arrays(x, mix):
    with pytest.raises(TypeError, match=r"an array of the host, of shape .* does not mix"):
        mix(x, np.ones((2, 3)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.max(x, axis=0, initial=0.0),
        lambda x: np.ones(3, like=x),
        lambda x: np.full(3, 2.0, like=x),
        lambda x: np.frompyfunc(abs, 1, 1)(x),
        lambda x: np.spacing(x),
    ],
)
def test_what_cupy_cannot_compute_is_refused(x, call):
    with pytest.raises(TypeError, match="CuPy"):
        call(x)


def test_an_element_is_a_view(x):
    x[1, 2][...] = 7
    x[0] = np.float64(3)
    assert x.get().tolist() == [[3, 3, 3], [3, 4, 7]]


def test_item_and_float_give_python_numbers(x):
    assert float(x[1, 2]) == 5 and x.sum().item() == 15 and bool((x >= 0).all())
    assert x.tolist() == x.get().tolist()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_stay_on_the_device(x, again):
    assert type(again(x)) is EmulatorArray


class Case(NamedTuple):
    array: type


def test_an_operator_chooses_by_the_device_of_its_arrays():
    cupy_array = type("ndarray", (), {"__module__": "cupy"})
    places = on_host, is_emulated, on_gpu
    for array, answers in [
        (np.ndarray, [True, False, False]),
        (np.memmap, [True, False, False]),
        (EmulatorArray, [False, True, False]),
    ]:
        assert [where(Case(array)) for where in places] == answers
    assert on_gpu(Case(cupy_array))


@pytest.fixture
def operator(monkeypatch):
    """An operator with an implementation for the host and one for the emulator, which asserts what
    it is given.
    """
    monkeypatch.setattr(dispatch, "_operators", dict(dispatch._operators))

    def cook(x, n):
        assert type(x) is EmulatorArray
        return n * x, (x.sum(axis=0), None)

    modules = {"loops": SimpleNamespace(cook=None), "emulator": SimpleNamespace(cook=cook)}
    operator = dispatch.Operator("kitchen", modules.__getitem__)
    operator.register("loops")
    operator.register("emulator", can=is_emulated)
    return operator


def test_the_emulators_implementation_computes_its_arrays_by_default(operator, x):
    assert operator.choose(Case(EmulatorArray)) is operator.load("emulator")
    assert operator.choose(Case(np.ndarray)) is operator.load("loops")


def test_the_emulators_implementation_takes_host_arrays_when_forced(operator):
    host = np.arange(3.0)
    host.flags.writeable = False
    with use("emulator"):
        y, (total, nothing) = operator.choose(Case(np.ndarray)).cook(host, 2)
    assert type(y) is np.ndarray and y.tolist() == [0, 2, 4]
    assert isinstance(total, np.ndarray) and not isinstance(total, EmulatorArray)
    assert nothing is None


def test_the_hosts_implementations_refuse_arrays_of_the_emulator(operator):
    with use("loops"), pytest.raises(RuntimeError, match="implementation 'loops' cannot do"):
        operator.choose(Case(EmulatorArray))
