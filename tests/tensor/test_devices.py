"""Every operator on other devices: results stay there and equal the CPU's, bit by bit on the
emulator."""

import functools
import sys

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import devices
from minitorch_cnn.kernels.cuda.array import has_gpu
from minitorch_cnn.kernels.dispatch import Operator
from tests import cupy_stand_in
from tests.places import DEVICES
from tests.tensor.cases import CASES
from tests.tensor.more_cases import MORE_CASES
from tests.tensor.test_gradients import as_tuple, identify


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES], ids=identify)
def test_results_and_gradients_of_both_orders_are_those_of_the_cpu(case, device):
    compare(case, device)


@pytest.mark.skipif(has_gpu(), reason="there is CuPy itself")
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES], ids=identify)
def test_an_op_asks_nothing_of_cupys_arrays_that_they_cannot_do(case, monkeypatch):
    for name, module in cupy_stand_in.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Operator, "choose", choose_for_the_stand_in)
    compare(case, "cuda")


choose = Operator.choose


def choose_for_the_stand_in(operator, case):
    """The host's implementation, its functions taking and returning the stand-in's arrays."""
    if case.array is not cupy_stand_in.ndarray:
        return choose(operator, case)
    module = choose(operator, case._replace(array=np.ndarray))

    class Borrowed:
        def __getattr__(self, name):
            function = getattr(module, name)

            def call(*args):
                lent = map(cupy_stand_in.memory_of, args)
                return cupy_stand_in.on_device(function(*lent))

            return call

    return Borrowed()


def compare(case, device):
    _, fn, arrays, *varied = case
    varied = varied[0] if varied else range(len(arrays))

    class Maker:
        """The package, its new tensors lying where the others do."""

        def __init__(self, device):
            for name in ("tensor", "zeros"):
                setattr(self, name, functools.partial(getattr(mt, name), device=device))

        def __getattr__(self, name):
            return getattr(mt, name)

    def run(device):
        rng = np.random.default_rng(3)
        xs = [mt.tensor(x, device=device, requires_grad=i in varied) for i, x in enumerate(arrays)]
        ys = [y for y in as_tuple(fn(Maker(device), *xs)) if y.requires_grad]
        vs = [mt.tensor(rng.standard_normal(y.shape), device=device) for y in ys]
        leaves = [x for x in xs if x.requires_grad]
        gs = mt.grad(ys, leaves, vs, create_graph=True, allow_unused=True)
        further = [g for g in gs if g is not None and g.requires_grad]
        us = [mt.tensor(rng.standard_normal(g.shape), device=device) for g in further]
        ggs = mt.grad(further, leaves, us, allow_unused=True) if further else ()
        return [t for t in (*ys, *gs, *ggs) if t is not None]

    there = run(device)
    assert {t.device for t in there} == {devices.check_device(device, "test")}
    tolerance = 1e-12
    for a, b in zip(there, run("cpu"), strict=True):
        a, b = a.detach().cpu().numpy(), b.detach().numpy()
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
