"""Collectives on every dtype; each rank has other numbers."""

import time

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import distributed as dist
from minitorch_cnn.distributed import group, waiting

DTYPES = (
    "float16", mt.bfloat16, "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
    "bool",
)  # fmt: skip
NUMPY = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "product": np.prod,
}  # fmt: skip


def given(dtype, size):
    """The array of each rank."""
    drawn = [np.random.default_rng(rank).integers(0, 3, (4, 3)) for rank in range(size)]
    return [array.astype(dtype) for array in drawn]


def check_all_reduce_is_numpys_reduction_for_every_dtype(rank, size):
    for dtype in DTYPES:
        arrays = given(dtype, size)
        for op, of_numpy in NUMPY.items():
            if op == "mean" and np.dtype(dtype).kind in "biu":
                with pytest.raises(ValueError, match=r"^all_reduce: op='mean' needs floating"):
                    dist.all_reduce(mt.tensor(arrays[rank]), op)
                continue
            wanted = of_numpy(np.stack(arrays).astype(np.float64), axis=0).astype(dtype)
            for t in (mt.tensor(arrays[rank]), mt.Tensor(np.asfortranarray(arrays[rank])),
                      mt.Tensor(np.repeat(arrays[rank], 2, 1))[:, ::2]):  # fmt: skip
                assert dist.all_reduce(t, op) is None
                assert t.array.dtype == dtype
                np.testing.assert_array_equal(t.array, wanted, f"{dtype} {op}")


def check_broadcast_and_all_gather_move_every_dtype(rank, size):
    for dtype in DTYPES:
        arrays = given(dtype, size)
        for src in range(size):
            t = mt.Tensor(np.repeat(arrays[rank], 2, 0))[::2]
            assert dist.broadcast(t, src) is None
            np.testing.assert_array_equal(t.array, arrays[src])
        parts = [mt.Tensor(np.zeros((3, 4), dtype)).T for _ in range(size)]
        dist.all_gather(parts, mt.tensor(arrays[rank]))
        np.testing.assert_array_equal([p.array for p in parts], arrays)


def check_tensors_without_elements_or_axes_and_of_the_emulator(rank, size):
    scalar = mt.tensor(float(rank))
    dist.all_reduce(scalar)
    assert scalar.item() == sum(range(size)) and scalar.shape == ()
    empty = mt.zeros(0, 3)
    dist.all_reduce(empty)
    assert empty.shape == (0, 3)
    staged = mt.full((2, 2), float(rank)).to("emulator")
    dist.all_reduce(staged, "max")
    assert staged.device == "emulator" and (staged.cpu().array == size - 1).all()


def check_a_reduced_tensor_counts_as_written_to(rank, size):
    x = mt.tensor([1.0 + rank], requires_grad=True)
    y = x * x
    with mt.no_grad():
        dist.all_reduce(x)
    with pytest.raises(RuntimeError, match=r"in place|modified|written"):
        y.backward()


def check_objects_of_any_size(rank, size):
    found = [None] * size
    dist.all_gather_object(found, {"rank": rank, "text": "x" * rank * 1000})
    assert found == [{"rank": r, "text": "x" * r * 1000} for r in range(size)]
    given = [rank, "of", {"rank": rank}]
    dist.broadcast_object_list(given, size - 1)
    assert given == [size - 1, "of", {"rank": size - 1}]


def check_another_shape_dtype_op_or_call_is_an_error_on_all_ranks(rank, size):
    other = rank == size - 1
    for call in (
        lambda: dist.all_reduce(mt.zeros(3 if other else 2)),
        lambda: dist.all_reduce(mt.zeros(2).double() if other else mt.zeros(2)),
        lambda: dist.all_reduce(mt.zeros(2), "max" if other else "sum"),
        lambda: dist.barrier() if other else dist.all_reduce(mt.zeros(2)),
        lambda: dist.broadcast(mt.zeros(2), int(other)),
    ):
        with pytest.raises(RuntimeError, match=r"^\w+: the ranks make different calls: rank 0 "):
            call()


def check_wrong_arguments_are_refused_by_name(rank, size):
    for call, error, text in (
        (lambda: dist.all_reduce(np.zeros(2)), TypeError, "all_reduce: tensor must be a Tensor"),
        (lambda: dist.all_reduce(mt.zeros(2), "xor"), ValueError, "all_reduce: op='xor' must be"),
        (lambda: dist.broadcast(mt.zeros(2), size), ValueError, f"broadcast: src={size} must be"),
        (lambda: dist.all_gather([], mt.zeros(2)), ValueError, "all_gather: tensor_list has 0"),
        (lambda: dist.init_process_group(), ValueError, "init_process_group: the process group"),
    ):
        with pytest.raises(error, match=f"^{text}"):
            call()


def check_a_rank_that_is_waited_for_is_named(rank, size):
    waiting.REPORT, waiting.ANSWER = 0.3, 0.5
    printed = []
    waiting.print = lambda text, **settings: printed.append(text)
    try:
        if rank == 1:
            time.sleep(1.5)
        dist.barrier()
    finally:
        waiting.REPORT, waiting.ANSWER = 60.0, 2.0
        del waiting.print
    if rank == 0:
        assert any(text.endswith("in barrier() for rank 1") for text in printed), printed


def check_the_machines_cores_are_shared(rank, size):
    assert mt.get_num_threads() == max(1, group.current("").cores // size)
    assert dist.get_node_local_rank() == rank and dist.get_backend() == "mpi"
