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
    with pytest.raises(TypeError, match=r"^f: dtype=complex64 must be one of float16, float32"):
        dtypes.check_dtype("complex64", "f")


UNSIGNED = ["uint16", "uint32", "uint64"]


@pytest.mark.parametrize("name", UNSIGNED)
def test_wide_unsigned_integers_combine_with_themselves_numbers_and_floats_only(name):
    dtype = getattr(mt, name)
    x = mt.tensor([0, 2, np.iinfo(dtype).max], dtype=dtype)
    assert (x + x).tolist() == [0, 4, np.iinfo(dtype).max - 1]  # wraps around
    assert (x * 2).dtype == (x & 2).dtype == (x == 2).to(dtype).dtype == dtype
    assert (x + mt.tensor(1)).dtype == dtype  # a 0-d tensor does not widen
    for kind in (mt.float16, mt.float32, mt.float64):
        assert mt.promote_types(dtype, kind) == (x + mt.ones(3, dtype=kind)).dtype == kind
    others = [mt.bool_, mt.uint8, mt.int8, mt.int16, mt.int32, mt.int64]
    for other in [*others, *(getattr(mt, n) for n in UNSIGNED if n != name)]:
        rule = f"{name} .*have no common dtype|and {name} have no common dtype"
        with pytest.raises(RuntimeError, match=f"^promote_types: .*({rule})"):
            mt.promote_types(dtype, other)
        y = mt.ones(3).to(other)
        for call in ("add", "eq", "maximum"):
            with pytest.raises(RuntimeError, match=f"^{call}: .*have no common dtype"):
                getattr(mt, call)(x, y)
        with pytest.raises(RuntimeError, match=r"^cat: .*have no common dtype"):
            mt.cat([x, y])


@pytest.mark.parametrize("name", UNSIGNED)
def test_wide_unsigned_integers_are_stored_shown_and_exchanged(name, tmp_path):
    dtype, most = getattr(mt, name), np.iinfo(name).max
    x = mt.from_numpy(np.array([0, 2, most], name))
    assert repr(x[:2]) == f"tensor([0, 2], dtype={name})" and str(most) in repr(x)
    assert x.type() == f"torch.UInt{8 * x.dtype.itemsize}Tensor"
    assert (x[2].item(), x[1:].tolist(), x.sum().dtype) == (most, [2, most], mt.int64)
    assert mt.tensor([-1.0]).to(mt.int64).to(dtype).item() == most
    assert mt.from_dlpack(x).dtype == mt.zeros(2, dtype=dtype).dtype == dtype
    with pytest.raises(RuntimeError, match="does not fit"):
        mt.tensor([most + 1], dtype=dtype)
    with pytest.raises(RuntimeError, match="does not fit into int64"):
        mt.tensor([2**63])
    with pytest.raises(RuntimeError, match=r"^requires_grad: only floating-point"):
        x.requires_grad_()
    for file in ("x.safetensors", "x.pth"):
        mt.save({"x": x, "same": x[1:]}, tmp_path / file)
        found = mt.load(tmp_path / file)
        assert found["x"].dtype == dtype and found["x"].tolist() == [0, 2, most]
        assert found["same"].tolist() == [2, most]


@pytest.mark.parametrize("name", UNSIGNED)
def test_pytorch_reads_and_writes_the_files_of_unsigned_integers(name, tmp_path):
    torch = pytest.importorskip("torch")
    x = np.arange(6).reshape(2, 3).astype(name)
    whole = torch.from_numpy(x)
    torch.save({"w": whole, "part": whole.T[1:]}, tmp_path / "torch.pth")
    found = mt.load(tmp_path / "torch.pth")
    assert found["w"].array.dtype == name and found["w"].tolist() == x.tolist()
    assert found["part"].tolist() == x.T[1:].tolist()
    mt.save({"w": mt.tensor(x)}, tmp_path / "ours.pth")
    (read,) = torch.load(tmp_path / "ours.pth", weights_only=True).values()
    assert read.dtype == whole.dtype and torch.equal(read, whole)
