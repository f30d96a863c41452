"""What the second process compiles: the gradients of each case that it is told."""

import os
import pickle
import subprocess
import sys
import time
from queue import Empty, SimpleQueue

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels import (
    Window,
    activation,
    batch_norm,
    conv2d,
    dispatch,
    following,
    pool2d,
    warm,
)

F32 = np.ndarray, np.dtype(np.float32)
CONV = conv2d.Case("conv2d_forward", *F32, (2, 4, 8, 8), (6, 4, 3, 3), Window(3, 1, 1), 1)
CASES = {
    CONV: ["conv2d_weight_grad", "conv2d_input_grad"],
    CONV._replace(function="conv2d_weight_grad"): [],
    activation.Case("elu", *F32): ["elu"],
    batch_norm.Case("batch_norm_training", *F32, (2, 3, 4, 4)): ["batch_norm_backward"],
    batch_norm.Case("batch_norm_forward", *F32, (2, 3, 4, 4)): [],
}
CASES |= {
    pool2d.Case(f"{kind}_forward", *F32, (2, 3, 8, 8), window): [f"{kind}_input_grad"]
    for kind, window in {
        "max_pool2d": Window(2, 2),
        "avg_pool2d": Window(3, 2, 1),
        "adaptive_avg_pool2d": (2, 2),
    }.items()
}


def test_the_last_tasks_have_the_names_of_warm():
    assert set(following.LAST) <= set(warm.TASKS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_gradients_of_a_case_are_computed(case, monkeypatch):
    chosen = []
    choose = dispatch.Operator.choose

    def watched(operator, case):
        chosen.append(case)
        return choose(operator, case)

    monkeypatch.setattr(dispatch.Operator, "choose", watched)
    with dispatch.use("numpy"):  # which needs no compilation
        following.compute_gradients(case)
    assert [each[0] for each in chosen] == CASES[case]
    assert all(each.dtype == case.dtype for each in chosen)
    if hasattr(case, "x"):
        assert {each.x for each in chosen} <= {case.x}


def test_a_convolution_is_chosen_for_all_images_and_computed_for_few(monkeypatch):
    computed = []

    class Module:
        def conv2d_weight_grad(self, x, gy, window, groups):
            computed.append((len(x), x.shape[1:], gy.shape))

    def choose(case):
        assert case.x[0] == 64
        return Module()

    monkeypatch.setattr(following, "MAX_MACS", 3 * CONV.macs // 2)  # of three images
    monkeypatch.setattr(conv2d.OPERATOR, "choose", choose)
    following._convolution(CONV._replace(x=(64, 4, 8, 8)), needs_gx=False)
    assert computed == [(3, (4, 8, 8), (3, 6, 8, 8))]


def test_other_operators_are_computed_for_few_images(monkeypatch):
    monkeypatch.setattr(following, "MAX_NUMBERS", 3 * 5 * 4)
    assert following._few((8, 5, 2, 2)) == (3, 5, 2, 2)
    assert following._few((2, 5, 2, 2)) == (2, 5, 2, 2)
    assert following._few((8, 50, 2, 2)) == (1, 50, 2, 2)


def test_the_next_stage_has_small_images_and_many_channels():
    next_stage = following._in_next_stage(CONV)
    assert next_stage.x == (2, 8, 4, 4) and next_stage.w == (12, 8, 3, 3)


def test_cases_come_before_what_is_for_later(monkeypatch):
    monkeypatch.setattr(following, "MAX_IDLE", 0.01)
    cases, later = SimpleQueue(), following.deque(["later"])
    cases.put("case")
    assert [following._next(cases, later) for _ in range(2)] == ["case", "later"]
    with pytest.raises(Empty):
        following._next(cases, later)


def test_the_process_survives_nonsense_and_compiles_what_it_is_told(tmp_path):
    """The process itself, fed by hand."""
    code = "from minitorch_cnn.kernels.following import work; work()"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    case = activation.Case("elu", *F32)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, text=True, env=environment
    ) as other:
        lines = "nonsense", pickle.dumps("nonsense").hex(), pickle.dumps(case).hex()
        print(*lines, sep="\n", file=other.stdin, flush=True)
        end = time.monotonic() + 30
        while not list(tmp_path.rglob("*_elu*.nbc")) and time.monotonic() < end:
            time.sleep(0.05)
        assert other.stdin is not None
        other.stdin.close()
        assert other.wait(10) == 0
    assert list(tmp_path.rglob("*_elu*.nbc"))
