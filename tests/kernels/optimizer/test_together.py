"""Steps of all tensors of a model at once: as the steps of each, in few launches."""

import numpy as np
import pytest

from minitorch_cnn.kernels import optimizer, use
from minitorch_cnn.kernels.cuda.array import has_compiler, host_view, to_emulator
from minitorch_cnn.kernels.cuda.emulator import Library, emulated

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")

SHAPES = [(3,), (64, 65), (0, 4), (4100,), (8,), (1, 1), (5000,)]  # with tails, and several blocks
STEPS = {
    "SGD": ("sgd_steps", 0, (0.1, 0.0, 1.0, 0.01)),
    "SGD with Nesterov momentum": ("sgd_steps", 1, (0.1, 0.9, 0.5, 0.01, True)),
    "RMSprop": ("rmsprop_steps", 1, (0.1, 0.9, 1e-8, 0.0, 0.01)),
    "RMSprop, centered with momentum": ("rmsprop_steps", 3, (0.1, 0.9, 1e-2, 0.9, 0.01)),
    "Adam": ("adam_steps", 2, (3, 0.1, (0.9, 0.99), 1e-8, 0.01)),
    "AdamW with amsgrad": ("adam_steps", 3, (1, 0.1, (0.9, 0.99), 1e-8, 0.01, True)),
    "LARS": ("lars_steps", 1, (0.1, 0.02, 0.9, 0.01)),
}
MOST = {"sgd_steps": 1, "rmsprop_steps": 3, "adam_steps": 3, "lars_steps": 1}


def lists(kept, dtype):
    """p, g and state of tensors of SHAPES; a g and a p of zeros; g not aligned to 16 bytes."""
    rng = np.random.default_rng(0)
    made = [[rng.standard_normal(shape).astype(dtype) for shape in SHAPES] for _ in range(2 + kept)]
    for state in made[2:]:
        for array in state:
            np.abs(array, out=array)
    if kept == 3:  # the square of a running mean must stay below that of squares
        for squares, mean in zip(made[2], made[3], strict=True):
            squares += mean * mean
    made[0][4][...] = made[1][3][...] = 0
    return made


def run(step, given, settings, most, **changes):
    state = given[2:] + [None] * (most - len(given[2:]))
    getattr(optimizer, step)(*given[:2], *state, *settings, **changes)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STEPS)
def test_the_steps_of_all_tensors_are_those_of_each(name, dtype, maximize):
    step, kept, settings = STEPS[name]
    most = MOST[step]
    here = lists(kept, dtype)
    there = [[to_emulator(array) for array in arrays] for arrays in lists(kept, dtype)]
    with use("numpy"):
        run(step, here, settings, most, maximize=maximize)
    run(step, there, settings, most, maximize=maximize)
    for wanted, got in zip(here, there, strict=True):
        for want, array in zip(wanted, got, strict=True):
            tolerance = 1e-5 if dtype == np.float32 else 1e-12
            np.testing.assert_allclose(host_view(array), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", STEPS)
def test_a_flag_that_is_not_zero_stops_a_step_and_nobody_waits_for_it(name, monkeypatch):
    step, kept, settings = STEPS[name]
    for flag, moves in ((0, True), (7, False)):
        there = [[to_emulator(array) for array in arrays] for arrays in lists(kept, np.float32)]
        before = [array.get() for arrays in there for array in arrays]
        run(step, there, settings, MOST[step], skip=to_emulator(np.array(flag, np.int32)))
        after = [array.get() for arrays in there for array in arrays]
        assert moves != all(map(np.array_equal, before, after))


def test_a_step_of_all_tensors_is_one_launch(monkeypatch):
    launched = []
    original = Library.launch

    def launch(self, signature, *args):
        launched.append(signature.name)
        original(self, signature, *args)

    monkeypatch.setattr(Library, "launch", launch)
    for step, kept, settings in STEPS.values():
        there = [[to_emulator(array) for array in arrays] for arrays in lists(kept, np.float32)]
        run(step, there, settings, MOST[step])
    assert launched == ["sgd"] * 2 + ["rmsprop"] * 2 + ["adam"] * 2 + ["squares", "lars"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_marked_once(bad):
    flag = to_emulator(np.array(0, np.int32))
    gs = [to_emulator(np.ones(n, np.float32)) for n in (5, 9000)]
    for order in ("forward", "shuffled"):
        with emulated(order=order):
            optimizer.find_nonfinite(gs, flag, 3)
    assert flag.get() == 0
    gs[1][8999] = bad
    optimizer.find_nonfinite(gs, flag, 4)
    optimizer.find_nonfinite(gs, flag, 5)
    assert flag.get() == 4
    host = np.array(0, np.int32)
    optimizer.find_nonfinite([g.get() for g in gs], host, 6)
    assert host == 6


def test_arrays_of_several_dtypes_take_steps_one_by_one():
    given = [to_emulator(np.ones(3, dtype)) for dtype in (np.float32, np.float64)]
    optimizer.sgd_steps(given, given, None, 0.5)
    assert [array.get().tolist() for array in given] == [[0.5] * 3] * 2
