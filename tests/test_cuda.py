"""The GPUs' names without a GPU; with one: tests/test_gpu.py."""

import pytest

import minitorch_cnn as mt
from minitorch_cnn.kernels.cuda.array import has_gpu
from tests.interpreter import python

pytestmark = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


def test_without_a_gpu_programs_find_none_and_go_on():
    assert not mt.cuda.is_available() and mt.cuda.device_count() == 0
    mt.cuda.manual_seed(0)
    mt.cuda.manual_seed_all(0)
    mt.cuda.empty_cache()
    assert mt.cuda.memory_allocated() == mt.cuda.memory_reserved() == 0
    assert mt.cuda.max_memory_allocated() == mt.cuda.max_memory_reserved() == 0
    mt.cuda.reset_peak_memory_stats()
    assert mt.device("cuda" if mt.cuda.is_available() else "cpu") == "cpu"


@pytest.mark.parametrize("name", ["synchronize", "current_device", "get_device_name"])
def test_what_needs_a_gpu_says_so(name):
    with pytest.raises(RuntimeError, match=rf"^{name}: device='cuda' needs "):
        getattr(mt.cuda, name)()


def test_a_seed_for_the_gpu_changes_no_numbers():
    mt.manual_seed(3)
    x = mt.rand(4)
    mt.manual_seed(3)
    mt.cuda.manual_seed_all(5)
    assert mt.rand(4).tolist() == x.tolist()


def test_mixed_precision_is_an_attribute_of_cuda(tmp_path):
    assert python("import minitorch_cnn as mt; print(mt.cuda.amp.autocast)", tmp_path)
