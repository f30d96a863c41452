"""Errors about unknown names end in the nearest known one."""

import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.cuda.emulator import emulated
from minitorch_cnn.kernels.spelling import nearest


def test_the_nearest_name_is_named_in_any_case_and_a_far_one_is_not():
    assert nearest("NMPY", ["loops", "numpy"]) == "; the nearest is 'numpy'"
    assert nearest("fortran", ["loops", "numpy"]) == ""
    assert nearest(3, ["loops", "numpy"]) == ""


def test_an_unknown_implementation_or_order_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="; the nearest is 'loops'"), use("lops"):
        pass
    with pytest.raises(ValueError, match="; the nearest is 'forward'"), emulated(order="foward"):
        pass
