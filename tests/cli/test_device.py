"""--device of the commands that compute with a model."""

import pytest

from minitorch_cnn.kernels.cuda.array import has_gpu


@pytest.mark.parametrize("words", [("train", "lenet5"), ("evaluate", "run"), ("predict", "r", "i")])
def test_an_unknown_device_is_refused(refused, words):
    assert "--device: device='tpu' must be 'cpu', 'cuda'" in refused(*words, "--device", "tpu")


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_a_missing_gpu_is_refused_with_what_runs_instead(refused):
    message = refused("train", "lenet5", "--device", "cuda")
    assert "device='cuda' needs" in message and "device='emulator' runs" in message
