"""FloatTensor and similar types, Variable, type: PyTorch's oldest names."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.autograd import Variable


def test_types_make_tensors_of_sizes_and_of_numbers():
    assert mt.FloatTensor(2, 3).shape == (2, 3) and mt.FloatTensor().shape == (0,)
    assert mt.LongTensor(mt.zeros(2, 1).size()).shape == (2, 1)
    for make, dtype in ((mt.FloatTensor, mt.float32), (mt.LongTensor, mt.int64)):
        x = make([[1, 2]])
        assert x.dtype == dtype and x.tolist() == [[1, 2]]
    assert mt.LongTensor([1.7]).tolist() == [1]
    x = mt.ones(2)
    assert mt.FloatTensor(x) is x
    assert mt.ByteTensor(np.array([True, False])).tolist() == [1, 0]


def test_types_recognise_their_tensors():
    assert isinstance(mt.zeros(2), mt.FloatTensor) and not isinstance(mt.zeros(2), mt.LongTensor)
    assert isinstance(mt.arange(2), mt.LongTensor) and not isinstance(3, mt.LongTensor)


@pytest.mark.parametrize("args", [(2.5,), ("ab",), (2, 3.0), ([1], 2)])
def test_what_is_neither_sizes_nor_numbers_is_refused(args):
    with pytest.raises(TypeError, match=r"^FloatTensor: takes sizes or one sequence"):
        mt.FloatTensor(*args)
    with pytest.raises(TypeError, match=r"^LongTensor: data has dtype float32, not int64"):
        mt.LongTensor(mt.ones(2))


def test_the_type_is_named_and_changed():
    x = mt.ones(2)
    assert (x.type(), mt.arange(2).type(), (x > 0).type()) == (
        "torch.FloatTensor", "torch.LongTensor", "torch.BoolTensor",
    )  # fmt: skip
    for kind in ("torch.LongTensor", mt.LongTensor, mt.int64, mt.long):
        assert x.type(kind).dtype == mt.int64
    with pytest.raises(ValueError, match=r"^type: dtype='torch.WordTensor' names no type"):
        x.type("torch.WordTensor")


def test_a_variable_is_a_tensor_without_its_history():
    x = mt.ones(2, requires_grad=True)
    v = Variable(x * 2)
    assert v.grad_fn is None and not v.requires_grad
    assert Variable(x, requires_grad=True).requires_grad and Variable(x) is not x
    assert np.shares_memory(Variable(x).array, x.array)
    assert isinstance(x, Variable) and not isinstance(3, Variable)
    with pytest.raises(TypeError, match=r"^Variable: data must be a Tensor, got list"):
        Variable([1.0])


def test_pytorch_agrees(torch):
    for name in ("FloatTensor", "LongTensor", "ByteTensor", "DoubleTensor", "IntTensor"):
        ours, theirs = getattr(mt, name)([1, 2]), getattr(torch, name)([1, 2])
        assert (ours.type(), ours.tolist()) == (theirs.type(), theirs.tolist())


def test_the_default_type_is_set_by_its_name_or_class():
    before = mt.get_default_dtype()
    try:
        for t in ("torch.DoubleTensor", mt.DoubleTensor):
            mt.set_default_dtype(before)
            mt.set_default_tensor_type(t)
            assert mt.zeros(2).dtype == mt.float64
    finally:
        mt.set_default_dtype(before)
    for t in ("torch.cuda.FloatTensor", mt.LongTensor, "float"):
        with pytest.raises(ValueError, match=r"^set_default_tensor_type: t="):
            mt.set_default_tensor_type(t)
