import pytest
from minitorch_cnn.kernels.cuda.tf32 import AllowTF32


def test_convolutions_may_and_products_of_matrices_may_not_at_first():
    assert str(AllowTF32()) == "TF32: convolution on, matmul off"


def test_the_setting_takes_truth_values_of_known_names_only():
    setting = AllowTF32()
    setting.convolution, setting.matmul = False, True
    assert str(setting) == "TF32: convolution off, matmul on"
    with pytest.raises(TypeError, match="allow_tf32: matmul='off' must be True or False"):
        setting.matmul = "off"
    with pytest.raises(AttributeError):
        setting.convolutions = False
