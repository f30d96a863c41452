import sys
from types import ModuleType, SimpleNamespace

import pytest

from minitorch_cnn.kernels.cuda import tf32
from minitorch_cnn.kernels.cuda.tf32 import AllowTF32


def test_by_default_convolutions_may_use_tf32_and_matrix_products_may_not():
    assert str(AllowTF32()) == "TF32: convolution on, matmul off"


def test_the_setting_takes_only_bools_and_known_names():
    setting = AllowTF32()
    setting.convolution, setting.matmul = False, True
    assert str(setting) == "TF32: convolution off, matmul on"
    with pytest.raises(TypeError, match="allow_tf32: matmul='off' must be True or False"):
        setting.matmul = "off"
    with pytest.raises(AttributeError):
        setting.convolutions = False


def test_cupy_is_told_of_a_change_in_products_of_matrices(monkeypatch):
    told, cupy = [], ModuleType("cupy")
    kinds = SimpleNamespace(COMPUTE_TYPE_TF32="tf32", COMPUTE_TYPE_DEFAULT="float32")
    cupy.float32 = "f"
    cupy._core = SimpleNamespace(
        _routines_linalg=kinds, set_compute_type=lambda *kind: told.append(kind)
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(tf32, "has_gpu", lambda: True)
    setting = AllowTF32()
    for setting.matmul in (False, True, True, False):
        pass
    assert told == [("f", "tf32"), ("f", "float32")]
