"""SyncBatchNorm against batch norm of one process on the joined batch."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import distributed as dist
from minitorch_cnn import nn

SIZES = (3, 0, 5, 1)  # of the local batches


def results(norm, x, gy, ggx):
    """Per sample: y, gx and two second-order gradients; sums: those of the parameters."""
    rng = np.random.default_rng(9)
    norm = norm.double()
    with mt.no_grad():
        norm.weight.copy_(mt.tensor(rng.standard_normal(4)))
        norm.bias.copy_(mt.tensor(rng.standard_normal(4)))
    x, gy = mt.tensor(x, requires_grad=True), mt.tensor(gy, requires_grad=True)
    y = norm(x)
    gx, gw, gb = mt.grad(y, [x, norm.weight, norm.bias], gy, create_graph=True)
    cotangents = [mt.tensor(ggx), mt.tensor(rng.standard_normal(4)), mt.tensor(rng.random(4))]
    g2x, g2y, g2w = mt.grad([gx, gw, gb], [x, gy, norm.weight], cotangents)
    samples = [t.detach().array for t in (y, gx, g2x, g2y)]
    return samples, [gw, gb, g2w], [norm.running_mean.array, norm.running_var.array]


def check_unequal_and_empty_batches_give_the_joined_one_to_the_second_order(rank, size):
    ends = np.cumsum([0, *SIZES[:size]])
    own = slice(ends[rank], ends[rank + 1])
    rng = np.random.default_rng(3)
    x, gy, ggx = rng.standard_normal((3, ends[-1], 3, 4, 2)).swapaxes(2, 3)  # not contiguous
    samples, sums, running = results(nn.SyncBatchNorm(4), x[own], gy[own], ggx[own])
    joined = results(nn.BatchNorm2d(4), x, gy, ggx)
    for found, wanted in zip(samples, joined[0], strict=True):
        np.testing.assert_allclose(found, wanted[own], rtol=0, atol=1e-10)
    for found, wanted in zip(sums, joined[1], strict=True):
        total = found.detach().clone()
        dist.all_reduce(total)
        np.testing.assert_allclose(total.array, wanted.detach().array, rtol=0, atol=1e-10)
    for found, wanted in zip(running, joined[2], strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def check_float32_and_float16_round_as_one_process_does(rank, size):
    x = np.random.default_rng(1).standard_normal((2 * size, 3, 4)).astype(np.float32) * 5 + 100
    for dtype, near in (("float32", 2e-5), ("float16", 5e-3)):
        plain, sync = nn.BatchNorm1d(3), nn.SyncBatchNorm(3)
        wanted = plain(mt.tensor(x.astype(dtype)))[2 * rank : 2 * rank + 2]
        found = sync(mt.tensor(x[2 * rank : 2 * rank + 2].astype(dtype)))
        assert found.dtype == wanted.dtype == dtype
        np.testing.assert_allclose(found.detach().array, wanted.detach().array, atol=near)


def check_evaluation_is_local(rank, size):
    norm = nn.SyncBatchNorm(3).eval()
    if rank == 0:
        assert norm(mt.ones(2, 3)).shape == (2, 3)


def check_batches_of_one_value_or_none_are_refused_on_all_ranks(rank, size):
    with pytest.raises(ValueError, match=r"^SyncBatchNorm: training needs more than one value"):
        nn.SyncBatchNorm(4)(mt.zeros(int(rank == 0), 4))
    with pytest.raises(ValueError, match=r"^SyncBatchNorm: the batches of all ranks are empty"):
        nn.SyncBatchNorm(4)(mt.zeros(0, 4))


def check_the_momentum_of_none_averages_all_batches(rank, size):
    norm = nn.SyncBatchNorm(2, momentum=None)
    for step in (1.0, 3.0):
        norm(mt.tensor(np.random.default_rng(0).standard_normal((4, 2)) + step).float())
    assert norm.num_batches_tracked.item() == 2
    assert abs(norm.running_mean.array - np.random.default_rng(0).standard_normal((4, 2)).mean(0)
               - 2).max() < 1e-5  # fmt: skip
