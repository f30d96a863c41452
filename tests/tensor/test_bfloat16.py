"""bfloat16: limits, promotion, memory shared with PyTorch, files, training.

The values of all functions in this format are in tests/values.
"""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import functional as F

pytest.importorskip("ml_dtypes")

DTYPES = (
    "float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool",
)  # fmt: skip


def dtype_of(name):
    return getattr(mt, name)


def test_it_has_the_exponents_of_float32_and_8_bits_of_precision():
    assert mt.bfloat16 is mt.bfloat16 and str(mt.bfloat16) == "bfloat16"
    limits = mt.finfo(mt.bfloat16)
    assert float(limits.eps) == 2**-7 and limits.bits == 16
    assert float(limits.max) == (2 - 2**-7) * 2.0**127
    x = mt.tensor([1 + 2**-8, 1 + 3 * 2**-8, 1e38], dtype=mt.bfloat16)  # ties go to even
    assert x.tolist()[:2] == [1, 1 + 2**-6] and x.isfinite().all()
    assert x.is_floating_point() and x.element_size() == 2
    assert "dtype=bfloat16" in repr(x)


def test_it_is_converted_by_name():
    x = mt.tensor([1.5, -2.0])
    assert x.bfloat16().dtype == mt.bfloat16 and x.bfloat16().float().tolist() == [1.5, -2]
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).bfloat16()
    assert {p.dtype for p in net.parameters()} == {mt.bfloat16}
    assert net[1].num_batches_tracked.dtype == mt.int64
    assert x.to("bfloat16").dtype == mt.bfloat16


@pytest.mark.parametrize("a, b", list(itertools.product(DTYPES, DTYPES)))
def test_types_are_promoted_as_pytorch_s(a, b):
    torch = pytest.importorskip("torch")
    pair = dtype_of(a), dtype_of(b)
    theirs = getattr(torch, a), getattr(torch, b)
    for shapes in ((2,), (2,)), ((2,), ()), ((), (2,)):
        found = mt.ones(shapes[0], dtype=pair[0]) * mt.ones(shapes[1], dtype=pair[1])
        expected = torch.ones(shapes[0], dtype=theirs[0]) * torch.ones(shapes[1], dtype=theirs[1])
        assert f"torch.{found.dtype}" == str(expected.dtype)
    assert f"torch.{mt.promote_types(*pair)}" == str(torch.promote_types(*theirs))


@pytest.mark.parametrize("number", [2, 2.5])
def test_a_number_does_not_widen_it(number):
    x = mt.ones(3, dtype=mt.bfloat16)
    for y in (x * number, x + number, number - x, x / number, x**number):
        assert y.dtype == mt.bfloat16


def test_it_can_be_the_default():
    mt.set_default_dtype(mt.bfloat16)
    try:
        assert mt.ones(2).dtype == mt.tensor([1.5]).dtype == mt.randn(2).dtype == mt.bfloat16
    finally:
        mt.set_default_dtype(mt.float32)


def test_long_sums_do_not_stall_and_writes_in_place_round_once():
    x = mt.ones(4096, dtype=mt.bfloat16, requires_grad=True)
    total = x.sum()
    total.backward()
    assert total.item() == 4096 and x.grad.dtype == mt.bfloat16
    y = mt.full((3,), 3.0, dtype=mt.bfloat16)
    y += mt.tensor([2**-7, 1.0, 2.0])
    assert y.dtype == mt.bfloat16 and y.tolist() == [3, 4, 5]
    y.fill_(0.5).mul_(3).clamp_(max=1)
    assert y.tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_files_keep_it(name, tmp_path):
    w = mt.randn(3, 4).bfloat16()
    mt.save({"w": w, "b": mt.ones(2)}, tmp_path / name)
    found = mt.load(tmp_path / name)
    assert found["w"].dtype == mt.bfloat16 and found["b"].dtype == mt.float32
    np.testing.assert_array_equal(found["w"].array.view(np.uint16), w.array.view(np.uint16))


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_files_load_as_float32_without_ml_dtypes(name, tmp_path, monkeypatch):
    w = mt.randn(3, 4).bfloat16()
    mt.save({"w": w}, tmp_path / name)
    monkeypatch.setattr(mt.dtypes, "has_bfloat16", lambda: False)
    found = mt.load(tmp_path / name)["w"]
    assert found.dtype == mt.float32
    np.testing.assert_array_equal(found.numpy(), w.float().numpy())


def test_pytorch_reads_what_is_saved_and_shares_memory(tmp_path):
    torch = pytest.importorskip("torch")
    w = mt.randn(3, 4).bfloat16()
    tied = {"a": w, "b": w[1:]}
    mt.save(tied, tmp_path / "w.pth")
    theirs = torch.load(tmp_path / "w.pth", weights_only=True)
    assert theirs["a"].dtype == torch.bfloat16
    assert theirs["a"].float().tolist() == w.float().tolist()
    assert theirs["a"].untyped_storage().data_ptr() == theirs["b"].untyped_storage().data_ptr()

    shared = torch.from_dlpack(w)
    shared[0, 0] = 7
    assert shared.dtype == torch.bfloat16 and w[0, 0].item() == 7
    ours = mt.from_dlpack(theirs["a"].T)
    assert ours.dtype == mt.bfloat16 and ours.shape == (4, 3)
    ours[0, 0] = 5
    assert theirs["a"][0, 0].item() == 5


def test_other_numbers_go_through_dlpack_as_before():
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert mt.from_dlpack(x).tolist() == x.tolist()
    half = mt.tensor([1.5], dtype=mt.float16)
    assert np.from_dlpack(half).dtype == np.float16


def test_a_net_trains_in_it():
    mt.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8), nn.GELU(), nn.Flatten(), nn.Linear(32, 2),
    ).bfloat16()  # fmt: skip
    labels = mt.tensor([0, 1] * 8)
    x = (mt.randn(16, 1, 8, 8) + 2 * labels.reshape(-1, 1, 1, 1)).bfloat16()
    optimizer = mt.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert loss.dtype == mt.bfloat16 and losses[-1] < losses[0] / 4


def test_the_name_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r'pip install "minitorch_cnn\[bfloat16\]"'):
        mt.dtypes.bfloat16  # noqa: B018
    assert mt.ones(2).dtype == mt.float32
