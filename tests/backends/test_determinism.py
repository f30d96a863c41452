"""PyTorch's switches for determinism can be set and queried."""

import pytest

import minitorch_cnn as mt


def test_what_was_set_is_told():
    assert not mt.are_deterministic_algorithms_enabled()
    mt.use_deterministic_algorithms(True, warn_only=True)
    assert mt.are_deterministic_algorithms_enabled()
    assert mt.is_deterministic_algorithms_warn_only_enabled()
    mt.use_deterministic_algorithms(False)
    assert not mt.are_deterministic_algorithms_enabled()
    assert not mt.is_deterministic_algorithms_warn_only_enabled()


def test_the_precision_of_products_is_one_of_pytorchs_words():
    assert mt.get_float32_matmul_precision() == "highest"
    mt.set_float32_matmul_precision("high")
    assert mt.get_float32_matmul_precision() == "high"
    mt.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match=r"^set_float32_matmul_precision: precision='low' must"):
        mt.set_float32_matmul_precision("low")
