"""Capsules of DLPack; what is in them: tests/tensor/test_dlpack.py."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.utils.dlpack import from_dlpack, to_dlpack


def test_a_capsule_holds_the_memory_of_a_tensor_for_one_consumer():
    x = mt.tensor([[1, 2], [3, 4]]).T
    capsule = to_dlpack(x)
    y = from_dlpack(capsule)
    assert y.tolist() == [[1, 3], [2, 4]] and np.shares_memory(x.numpy(), y.numpy())
    with pytest.raises(ValueError, match=r"^from_dlpack: the capsule is called b'used_dltensor'"):
        from_dlpack(capsule)


def test_capsules_go_to_pytorch_and_come_from_it():
    torch = pytest.importorskip("torch")
    x = mt.arange(4.0)
    theirs = torch.utils.dlpack.from_dlpack(to_dlpack(x))
    theirs[0] = 7
    assert x.tolist() == [7, 1, 2, 3]
    assert from_dlpack(torch.utils.dlpack.to_dlpack(theirs)).tolist() == [7, 1, 2, 3]
    assert from_dlpack(theirs, device="cpu", copy=False).tolist() == [7, 1, 2, 3]


def test_to_dlpack_takes_tensors_without_gradients():
    with pytest.raises(TypeError, match=r"^to_dlpack: tensor must be a Tensor, got list"):
        to_dlpack([1])
    with pytest.raises(RuntimeError, match=r"requires grad; use detach\(\)"):
        to_dlpack(mt.ones(2, requires_grad=True))
