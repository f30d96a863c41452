"""Every op on other devices: it stays there, and equals the CPU's; on the emulator to the bit."""

import functools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import devices
from tests.places import DEVICES
from tests.tensor.cases import CASES
from tests.tensor.test_gradients import as_tuple, identify


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", CASES, ids=identify)
def test_results_and_gradients_of_both_orders_are_those_of_the_cpu(case, device):
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
