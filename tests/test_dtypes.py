"""Element types and the default one."""

import threading

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import dtypes


def test_dtypes_are_numpy_s():
    assert mt.float32 == np.float32 and mt.int64 == np.int64 and mt.bool_ == np.bool_
    assert mt.tensor([1.5]).dtype is mt.float32


@pytest.mark.parametrize("dtype", ["int64", "bool", complex])
def test_only_floats_can_be_the_default(dtype):
    with pytest.raises(
        TypeError, match=r"^set_default_dtype: dtype=.* must be a floating-point type"
    ):
        mt.set_default_dtype(dtype)
    assert mt.get_default_dtype() == mt.float32


def test_the_default_dtype_is_seen_by_all_threads():
    seen = []
    mt.set_default_dtype(mt.float64)
    try:
        thread = threading.Thread(target=lambda: seen.append(mt.zeros(1).dtype))
        thread.start()
        thread.join()
    finally:
        mt.set_default_dtype(mt.float32)
    assert seen == [mt.float64]


def test_a_dtype_is_refused_in_the_caller_s_name():
    with pytest.raises(TypeError, match=r"^f: dtype=uint16 must be one of float16, float32"):
        dtypes.check_dtype("uint16", "f")
