"""The Tensor itself: what it is, what it turns into, how it is copied and shown."""

import gc
import weakref

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor
from tests.tensor.parity import compare


def test_attributes_are_those_of_the_array():
    x = mt.zeros(2, 3, dtype=mt.float64)
    assert (x.shape, x.ndim, x.dim(), x.numel(), x.dtype, x.device) == (
        (2, 3),
        2,
        2,
        6,
        mt.float64,
        "cpu",
    )
    assert x.size() == (2, 3) and x.size(-1) == 3
    assert x.is_floating_point() and not mt.arange(2).is_floating_point()


def test_a_tensor_wraps_its_array_without_a_copy():
    array = np.zeros(3)
    assert Tensor(array).array is array
    assert Tensor(2.5).array.shape == ()


def test_leaves_and_what_was_made_of_them():
    x = mt.ones(2, requires_grad=True)
    y = x * 2
    assert x.is_leaf and not y.is_leaf and y.requires_grad
    assert y.detach().is_leaf and not y.detach().requires_grad
    assert type(y.grad_fn).__name__ == "Mul" and x.grad_fn is None


def test_detach_shares_memory():
    x = mt.ones(2, requires_grad=True)
    x.detach()[0] = 5
    assert x.tolist() == [5, 1]


def test_detach_in_place_cuts_the_graph():
    x = mt.ones(2, requires_grad=True)
    y = (x * 2).detach_()
    assert y.is_leaf and not y.requires_grad
    with pytest.raises(RuntimeError, match=r"^detach_: a view cannot be detached in place"):
        (x * 2)[0].detach_()


def test_requires_grad_can_be_set_on_leaves_of_floats():
    x = mt.ones(2).requires_grad_()
    assert x.requires_grad and not x.requires_grad_(False).requires_grad
    with pytest.raises(RuntimeError, match=r"^requires_grad: only a leaf can be set to False"):
        (x.requires_grad_() * 1).requires_grad = False
    with pytest.raises(RuntimeError, match=r"^requires_grad: only floating-point tensors"):
        mt.arange(2).requires_grad_()


def test_a_view_shows_what_its_base_has_become():
    base = mt.zeros(2, 2)
    row = base[0]
    assert not row.requires_grad
    base.copy_(w := mt.ones(2, 2, requires_grad=True))
    assert row.requires_grad and not row.is_leaf and "grad_fn" in repr(row)
    row.sum().backward()
    assert w.grad.tolist() == [[1, 1], [0, 0]]


# ------------------------------------------------------------------------------------ conversions


def test_numpy_shares_memory_and_refuses_a_history():
    x = mt.ones(2)
    x.numpy()[0] = 3
    assert x.tolist() == [3, 1]
    y = mt.ones(2, requires_grad=True)
    with pytest.raises(
        RuntimeError, match=r"^numpy: the tensor requires grad; use detach\(\)\.numpy"
    ):
        y.numpy()
    with pytest.raises(RuntimeError, match=r"^numpy: "):
        np.asarray(y)


def test_array_protocol():
    x = mt.ones(2)
    assert np.asarray(x) is x.array
    assert np.array(x) is not x.array
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.stack([x, x]).shape == (2, 2)
    with pytest.raises(ValueError, match=r"^__array__: a copy is needed"):
        np.asarray(x, dtype=np.float64, copy=False)


def test_python_numbers():
    x = mt.tensor(2.5)
    assert (x.item(), float(x), int(x), bool(x)) == (2.5, 2.5, 2, True)
    assert mt.tensor([3]).item() == 3 and type(mt.tensor([3]).item()) is int
    assert [10, 20, 30][mt.tensor(1)] == 20 and list(range(mt.tensor(2))) == [0, 1]
    assert mt.tensor([[1, 2]]).tolist() == [[1, 2]]


def test_iteration_length_and_membership():
    x = mt.arange(6).reshape(2, 3)
    assert len(x) == 2 and [row.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]
    assert 5 in x and 6 not in x
    w = mt.ones(2, requires_grad=True)
    a, b = w
    (a * 2 + b).backward()
    assert w.grad.tolist() == [2, 1]


CASTS = ["float", "double", "half", "long", "int", "bool"]


@pytest.mark.parametrize("name", CASTS)
def test_casts(name, torch):
    compare(torch, lambda m, x: getattr(x, name)(), [0.0, 1.5, -2.7])


def test_a_cast_lets_the_gradient_through_in_the_old_dtype():
    x = mt.ones(2, requires_grad=True)
    (x.double() * 2).sum().backward()
    assert x.grad.dtype == mt.float32 and x.grad.tolist() == [2, 2]
    assert not x.long().requires_grad


ERRORS = [
    (lambda: mt.ones(2).item(), RuntimeError, r"^item: a tensor of shape \(2,\) has 2 elements"),
    (
        lambda: bool(mt.ones(2)),
        RuntimeError,
        r"^bool: a tensor of shape \(2,\) has no truth value",
    ),
    (lambda: bool(mt.ones(0)), RuntimeError, r"^bool: a tensor of shape \(0,\)"),
    (lambda: len(mt.tensor(1)), TypeError, "^len: a 0-d tensor has no length"),
    (lambda: list(mt.tensor(1)), TypeError, "^iter: a 0-d tensor cannot be iterated over"),
    (lambda: [1][mt.tensor(0.0)], TypeError, "^index: only an integer tensor of one element"),
    (lambda: mt.ones(2).size(1), IndexError, r"^size: dim=1 must lie in \[-1, 0\]"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_name_the_function_and_the_rule(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ----------------------------------------------------------------------------------------- copies


def test_clone_is_recorded_and_shares_nothing():
    x = mt.ones(2, requires_grad=True)
    y = x.clone()
    y.mul_(3)
    y.sum().backward()
    assert x.tolist() == [1, 1] and x.grad.tolist() == [3, 3]


# ------------------------------------------------------------------------------------------- shown

REPRS = {
    "tensor([1., 2.])": lambda: mt.tensor([1.0, 2]),
    "tensor([1, 2])": lambda: mt.tensor([1, 2]),
    "tensor([1., 2.], dtype=float64)": lambda: mt.tensor([1.0, 2], dtype=mt.float64),
    "tensor([1.], requires_grad=True)": lambda: mt.tensor([1.0], requires_grad=True),
    "tensor([2.], grad_fn=<Mul>)": lambda: mt.tensor([1.0], requires_grad=True) * 2,
    "tensor([ True, False])": lambda: mt.tensor([True, False]),
    "tensor(3)": lambda: mt.tensor(3),
    "tensor([])": lambda: mt.tensor([]),
}


@pytest.mark.parametrize("text", REPRS)
def test_repr(text):
    assert repr(REPRS[text]()) == text


def test_a_large_tensor_is_shown_in_part():
    assert "..." in repr(mt.zeros(2000)) and len(repr(mt.zeros(100, 100))) < 2000


# ------------------------------------------------------------------------------------------ memory


def test_a_tensor_is_freed_with_its_last_name():
    gc.disable()
    try:
        x = mt.ones(2, requires_grad=True)
        y = (x * 2).reshape(1, 2)
        y.sum().backward()
        dying = [weakref.ref(t) for t in (x, y)]
        del x, y
        assert all(ref() is None for ref in dying)
    finally:
        gc.enable()


# -------------------------------------------------------------------------------------- in memory


def test_sizes_in_memory_are_pytorch_s(torch):
    for dtype in ("float16", "float64", "int16", "bool"):
        array = np.zeros((2, 3, 4), dtype).transpose(2, 0, 1)[1:]
        x, y = Tensor(array), torch.from_numpy(array)
        for name in ("element_size", "nelement", "stride", "data_ptr"):
            assert getattr(x, name)() == getattr(y, name)(), name
        assert (x.itemsize, x.nbytes, x.is_cuda) == (y.itemsize, y.nbytes, y.is_cuda)
        assert x.stride(-1) == y.stride(-1) == 4
    with pytest.raises(IndexError, match=r"^stride: dim=3"):
        x.stride(3)


def test_a_tensor_knows_whether_it_retains_its_gradient():
    leaf = mt.ones(2, requires_grad=True)
    leaf.retain_grad()
    a = leaf * 1
    assert not leaf.retains_grad and not a.retains_grad
    a.retain_grad()
    a.mul_(2)
    assert a.retains_grad and not a.detach().retains_grad


# ----------------------------------------------------------------------------- data and array


@pytest.fixture
def leaf(rng):
    return lambda *shape: Tensor(rng.standard_normal(shape), requires_grad=True)


def test_data_is_a_tensor_on_the_same_memory_without_a_history(leaf):
    x = leaf(3)
    y = x * 2
    for t in (x, y):
        assert type(t.data) is Tensor and not t.data.requires_grad and t.data.is_leaf
        assert np.shares_memory(t.data.array, t.array)
    x.data.mul_(3)  # a leaf that requires grad, outside of no_grad
    x.data[0] = 5
    assert x.array[0] == 5 and x.requires_grad


def test_no_backward_notices_what_data_writes_and_all_what_detach_writes(leaf):
    x = leaf(3)
    before = x.array.copy()
    y = (x * x).sum()
    x.data.add_(1)
    y.backward()
    np.testing.assert_array_equal(x.grad.array, 2 * (before + 1))
    y = (x * x).sum()
    x.detach().add_(1)
    with pytest.raises(RuntimeError, match=r"^backward: .* was changed in place"):
        y.backward()


def test_data_can_be_another_tensor(leaf):
    p, q = mt.nn.Parameter(mt.zeros(2)), mt.ones(3, dtype=mt.float64)
    p.data = q
    assert p.array is q.array and p.requires_grad and type(p) is mt.nn.Parameter
    (p * 2).sum().backward()
    np.testing.assert_array_equal(p.grad.array, [2, 2, 2])
    h = leaf(3) * 1
    part = h[:2]
    part.data = mt.zeros(2, dtype=mt.float64)
    part.add_(1)
    assert h.array.all() and part.array.tolist() == [1, 1]


def test_a_gradient_by_what_data_has_replaced_is_refused(leaf):
    x = leaf(3)
    y = (x * x).sum()
    x.data = x.data * 0.9
    with pytest.raises(RuntimeError, match=r"^backward: .* was changed in place"):
        y.backward()


def test_data_takes_tensors_that_can_have_the_gradient(leaf):
    with pytest.raises(TypeError, match=r"^data: value must be a Tensor, got ndarray; `array`"):
        leaf(3).data = np.zeros(3)
    with pytest.raises(RuntimeError, match=r"^data: a tensor that requires grad must be floating"):
        leaf(3).data = mt.arange(3)


def test_a_tensor_of_sizes_or_of_a_list_is_of_the_default_float_type():
    for x in (Tensor(2, 3), Tensor(mt.zeros(2, 3).size())):
        assert x.shape == (2, 3) and x.dtype == mt.float32 and not x.array.any()
    assert Tensor(3).shape == (3,) and Tensor().shape == (0,)
    x = Tensor([[1, 2]])
    assert x.dtype == mt.float32 and x.tolist() == [[1, 2]]
    assert (
        Tensor(np.float64(3)).item() == 3 and Tensor(np.ones(2), requires_grad=True).requires_grad
    )
    with pytest.raises(TypeError, match=r"^Tensor: sizes .* must be integers"):
        Tensor(2, "3")


def test_size_counts_the_elements():
    x = mt.zeros(2, 3)
    assert x.size() == (2, 3) and x.size().numel() == 6 and isinstance(x.size(), mt.Size)
    assert x.size(-1) == 3 and x.ndimension() == 2


def test_where_a_tensor_lies():
    x = mt.zeros(2)
    assert x.is_cpu and x.get_device() == -1 and not x.is_pinned() and x.pin_memory() is x
    assert [t.dtype for t in (x.byte(), x.short(), x.char())] == [mt.uint8, mt.int16, mt.int8]


def test_the_seed_is_told():
    mt.manual_seed(7)
    assert mt.initial_seed() == 7
    first = mt.seed()
    x = mt.rand(3)
    mt.manual_seed(first)
    assert mt.initial_seed() == first and mt.rand(3).tolist() == x.tolist()
