"""The implementation test is tested: faults planted into the NumPy implementations must be caught
by name.

They are faults that convolution code has had in public. Each replaces one piece of an
implementation's source; the implementation test must then fail, on a case of its own, and name the
function that is wrong.
"""

from importlib import import_module
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from minitorch_cnn.kernels import batch_norm, conv2d, local_response_norm, pool2d
from tests.kernels.implementation_check import (
    BATCH_NORM_CASES,
    CONV_CASES,
    LOCAL_RESPONSE_NORM_CASES,
    POOL_CASES,
    assert_agrees_with_loops,
)

CASES = {
    conv2d: CONV_CASES,
    pool2d: POOL_CASES,
    batch_norm: BATCH_NORM_CASES,
    local_response_norm: LOCAL_RESPONSE_NORM_CASES,
}


class Fault(NamedTuple):
    """`right` becomes `wrong` in a file of an operator; the implementation test must then blame
    `function`.
    """

    operator: ModuleType
    file: str
    right: str
    wrong: str
    function: str


FAULTS = {
    "= for += in col2im, where windows overlap": Fault(
        conv2d, "im2col",
        "target[x_at] += patches",
        "target[x_at] = patches",
        "conv2d_input_grad",
    ),
    "= for += over the blocks of a depthwise weight gradient": Fault(
        conv2d, "numpy_depthwise",
        "gw[c, :, kh, kw] +=",
        "gw[c, :, kh, kw] =",
        "conv2d_weight_grad",
    ),
    "kernel rows and columns swapped": Fault(
        conv2d, "im2col",
        "columns.reshape(C, *window.kernel, n, r, c)",
        "columns.reshape(C, *window.kernel[::-1], n, r, c).swapaxes(1, 2)",
        "conv2d_input_grad",
    ),
    "padding left as the last block filled it": Fault(
        conv2d, "im2col",
        "patch[...] = 0",
        "pass",
        "conv2d_forward",
    ),
    "groups x stride: the stride forgotten where there are groups": Fault(
        conv2d, "numpy_depthwise",
        "    gx = np.zeros((N, groups, H, W), gy.dtype)",
        "    gx = np.zeros((N, groups, H, W), gy.dtype)\n"
        "    window = type(window)(window.kernel, 1, window.padding, window.dilation)",
        "conv2d_input_grad",
    ),
    "groups that read one another's channels": Fault(
        conv2d, "im2col",
        "return patches.reshape(groups, -1, n * r * c)",
        "return patches.reshape(groups, -1, n * r * c)[::-1]",
        "conv2d_forward",
    ),
    "channel multiplier: only the first of its outputs sends a gradient": Fault(
        conv2d, "numpy_depthwise",
        "for m in range(M):",
        "for m in range(1):",
        "conv2d_input_grad",
    ),
    "= for += where two windows share their maximum": Fault(
        pool2d, "strided",
        "np.add.at(",
        "np.ndarray.__setitem__(",
        "max_pool2d_input_grad",
    ),
    "the last of equal maxima wins": Fault(
        pool2d, "strided",
        "np.greater(value",
        "np.greater_equal(value",
        "max_pool2d_forward argmax",
    ),
    "what ceil_mode adds counts in the divisor": Fault(
        pool2d, "strided",
        "(positions < size + after)",
        "(positions < size + after + window.stride[axis])",
        "avg_pool2d_forward",
    ),
    "the height squared in the divisor of a non-square window": Fault(
        pool2d, "strided",
        "rows[:, None] * columns",
        "rows[:, None] * np.full_like(columns, rows.max())",
        "avg_pool2d_forward",
    ),
    "the backward without its path through the variance": Fault(
        batch_norm, "vectorised",
        "xhat *= (gw[c] / (N * L))[:, None]",
        "xhat *= 0",
        "batch_norm_backward gx",
    ),
    "the backward without its path through the mean": Fault(
        batch_norm, "vectorised",
        "part -= (gb[c] / (N * L))[:, None]",
        "pass",
        "batch_norm_backward gx",
    ),
    "the unbiased variance": Fault(
        batch_norm, "vectorised",
        ".mean(axis=(0, 2)) - rest**2",
        ".sum(axis=(0, 2)) / max(x[:, 0].size - 1, 1)",
        "batch_norm_statistics var",
    ),
    "the window of channels off by one": Fault(
        local_response_norm, "vectorised",
        "_window_sum(squares, size // 2, (size - 1) // 2)",
        "_window_sum(squares, size // 2, size // 2)",
        "local_response_norm_forward",
    ),
    "the window not turned round in the backward": Fault(
        local_response_norm, "vectorised",
        "_window_sum(terms, (size - 1) // 2, size // 2)",
        "_window_sum(terms, size // 2, (size - 1) // 2)",
        "local_response_norm_backward",
    ),
}  # fmt: skip


def plant(monkeypatch, fault):
    """Put the functions of the faulty source in the place of the right ones."""
    module = import_module(f"{fault.operator.__name__}.{fault.file}")
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(fault.right) == 1, f"{module.__name__} has changed: plant the fault anew"
    faulty = ModuleType(module.__name__)
    faulty.__package__ = fault.operator.__name__
    exec(source.replace(fault.right, fault.wrong), vars(faulty))
    # Small arrays are cut into as many blocks as large ones, so that faults between blocks show.
    vars(faulty).update(BLOCK=1, MIN_COLUMNS=1)
    for name, function in vars(faulty).items():
        if isfunction(function) and function.__module__ == module.__name__:
            monkeypatch.setattr(module, name, function)


def run_the_implementation_test(operator):
    for case in CASES[operator]:
        assert_agrees_with_loops(case, "numpy")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_the_implementation_test_catches_and_names(monkeypatch, fault):
    plant(monkeypatch, fault)
    with pytest.raises(
        AssertionError, match=f"^{fault.function}.*: implementation 'numpy' differs from"
    ):
        run_the_implementation_test(fault.operator)


@pytest.mark.parametrize(
    ("operator", "file"), dict.fromkeys(fault[:2] for fault in FAULTS.values())
)
def test_without_a_fault_nothing_is_caught(monkeypatch, operator, file):
    plant(monkeypatch, Fault(operator, file, "import numpy as np", "import numpy as np", ""))
    run_the_implementation_test(operator)
