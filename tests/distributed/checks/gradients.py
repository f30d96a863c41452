"""DistributedDataParallel against one process on the joined batch; each rank has other data."""

from unittest import mock

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import distributed as dist
from minitorch_cnn import nn
from minitorch_cnn.distributed.group import current
from minitorch_cnn.distributed.mpi import MPIBackend
from minitorch_cnn.distributed.reducer import Reducer
from minitorch_cnn.nn import functional as F
from minitorch_cnn.nn.parallel import DistributedDataParallel

LOCAL = 3  # samples per rank


class Net(nn.Module):
    """A shared layer, a frozen one, one that some passes leave out, and batch norm's buffers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.SyncBatchNorm(4)
        self.shared = nn.Linear(64, 64)
        self.frozen = nn.Linear(64, 64)
        self.frozen.requires_grad_(False)
        self.left_out = nn.Linear(64, 64)
        self.head = nn.Linear(64, 3)

    def forward(self, x, use=True):
        x = self.norm(self.conv(x)).relu().flatten(1)
        x = self.shared(self.shared(x).tanh()) + self.frozen(x)
        return self.head(self.left_out(x).tanh() if use else x)


def new_net(seed=0):
    mt.manual_seed(seed)
    return Net().double()


def batch(size):
    rng = np.random.default_rng(7)
    return rng.standard_normal((LOCAL * size, 2, 6, 6)), rng.integers(0, 3, LOCAL * size)


def part(arrays, rank):
    return [mt.tensor(a[LOCAL * rank : LOCAL * (rank + 1)]) for a in arrays]


def gradients(model):
    return {name: None if p.grad is None else p.grad.array for name, p in model.named_parameters()}


def joined(arrays, steps=1, use=True):
    """The net of one process after SGD on the whole batch, with its last gradients."""
    net = new_net()
    net.norm = mt.nn.BatchNorm2d(4).double()
    optimizer = mt.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(net(mt.tensor(arrays[0]), use), mt.tensor(arrays[1])).backward()
        optimizer.step()
    return net


def trained(arrays, rank, steps=1, use=True, **settings):
    model = DistributedDataParallel(new_net(rank), bucket_cap_mb=0.02, **settings)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        x, target = part(arrays, rank)
        optimizer.zero_grad()
        F.cross_entropy(model(x, use), target).backward()
        optimizer.step()
    return model


def compare(model, net, near=1e-10):
    wanted = gradients(net)
    for name, g in gradients(model.module).items():
        assert (g is None) == (wanted[name] is None), name
        if g is not None:
            np.testing.assert_allclose(g, wanted[name], rtol=0, atol=near, err_msg=name)
    for (name, t), u in zip(model.module.state_dict().items(), net.state_dict().values(),
                            strict=True):  # fmt: skip
        np.testing.assert_allclose(t.array, u.array, rtol=0, atol=near, err_msg=name)


def check_steps_are_those_of_one_process_on_the_joined_batch(rank, size):
    arrays = batch(size)
    model = trained(arrays, rank, steps=3)
    compare(model, joined(arrays, steps=3))
    assert len(model.reducer.buckets) > 2


def check_the_same_run_has_the_same_bits(rank, size):
    arrays = batch(size)
    first, second = (trained(arrays, rank, steps=3).state_dict() for _ in range(2))
    assert all((first[name].array == t.array).all() for name, t in second.items())


def check_reductions_start_before_backward_ends(rank, size):
    model = trained(batch(size), rank, steps=2).reducer
    assert min(span.started for span in model.timeline) < model.backward_seconds
    assert sum(span.bytes for span in model.timeline) == 8 * sum(
        p.numel() for p in model.parameters
    )


def check_an_unused_parameter_is_an_error_by_name_not_a_hang(rank, size):
    with pytest.raises(RuntimeError, match=r"on rank \d these parameters got no .*left_out.weight"):
        trained(batch(size), rank, use=rank > 0)


def check_parameters_may_be_unused_on_some_ranks_or_on_all(rank, size):
    arrays = batch(size)
    compare(
        trained(arrays, rank, use=False, find_unused_parameters=True), joined(arrays, use=False)
    )
    model = trained(arrays, rank, use=rank == 0, find_unused_parameters=True)
    mean = model.module.left_out.weight.grad.clone()
    dist.all_reduce(mean, "mean")
    np.testing.assert_allclose(mean.array, model.module.left_out.weight.grad.array, atol=1e-14)
    assert abs(mean.array).max() > 0


def check_no_sync_accumulates_and_the_next_pass_averages_the_sum(rank, size):
    arrays = batch(size)
    model = DistributedDataParallel(new_net().eval())
    net = new_net().eval()
    x, target = part(arrays, rank)
    with model.no_sync():
        F.cross_entropy(model(x[:1]), target[:1], reduction="sum").backward()
        own = model.module.head.bias.grad.array.copy()
    F.cross_entropy(model(x[1:]), target[1:], reduction="sum").backward()
    F.cross_entropy(net(mt.tensor(arrays[0])), mt.tensor(arrays[1]), reduction="sum").backward()
    wanted = net.head.bias.grad.array / size
    np.testing.assert_allclose(model.module.head.bias.grad.array, wanted, atol=1e-12)
    assert abs(own - wanted).max() > 1e-3


def check_16_bits_on_the_wire_round_the_gradients_only(rank, size):
    arrays = batch(size)
    model, net = trained(arrays, rank, gradient_dtype=mt.float16), joined(arrays)
    assert model.reducer.buckets[0].buffer.dtype == np.float16
    wanted = gradients(net)
    largest = max(abs(g).max() for g in wanted.values() if g is not None)
    for name, g in gradients(model.module).items():
        if g is not None:
            assert g.dtype == np.float64
            assert abs(g - wanted[name]).max() <= 2e-3 * largest, name


def check_the_buffers_of_rank_0_replace_the_others(rank, size):
    net = nn.Sequential(nn.BatchNorm1d(2))
    net[0].running_mean.fill_(float(rank))
    model = DistributedDataParallel(net)
    assert (net[0].running_mean.array == 0).all()
    net[0].running_mean.fill_(1.0 + rank)
    model.eval()
    assert model(mt.zeros(1, 2)).shape == (1, 2) and (net[0].running_mean.array == 1 + rank).all()
    net[0].momentum = 0.0
    model.train()(mt.randn(4, 2))
    assert (net[0].running_mean.array == 1).all()


def check_different_models_are_named(rank, size):
    last = rank == size - 1
    for made, text in (
        (lambda: nn.Linear(3, 2 + last), r"parameter weight of float32 \(2, 3\), rank"),
        (lambda: nn.Linear(3, 2, bias=not last), "parameter bias"),
        (lambda: nn.Linear(3, 2).requires_grad_(True) if last else _half_frozen(), "frozen"),
    ):
        with pytest.raises(RuntimeError, match=f"the ranks have different models: .*{text}"):
            DistributedDataParallel(made())


def _half_frozen():
    net = nn.Linear(3, 2)
    net.bias.requires_grad_(False)
    return net


def check_settings_that_do_not_fit_are_refused(rank, size):
    layer = nn.Linear(2, 2)
    for make, error, text in (
        (lambda: DistributedDataParallel(3), TypeError, "module must be a Module"),
        (lambda: DistributedDataParallel(nn.ReLU()), ValueError, "module has no parameter"),
        (lambda: DistributedDataParallel(layer, bucket_cap_mb=0), ValueError, "bucket_cap_mb=0"),
        (lambda: DistributedDataParallel(layer, process_group=1), ValueError, "process_group"),
        (lambda: DistributedDataParallel(layer, gradient_dtype=np.int8), ValueError, "gradient_d"),
    ):
        with pytest.raises(error, match=f"^DistributedDataParallel: {text}"):
            make()


# --------------------------------------------------------------------------------- planted faults


def caught(arrays, rank, size):
    """The name of what is wrong with a step, "" if it equals that of one process."""
    seen = [None] * size
    dist.all_gather_object(seen, part(arrays, rank)[0].array.tobytes())
    if len(set(seen)) < size:
        return "the same data on several ranks"
    gradients_backend, calls, op = current("").mpi, [], MPIBackend._op

    def counted(self, *settings):
        calls.append(self is gradients_backend)
        return op(self, *settings)

    with mock.patch.object(MPIBackend, "_op", counted):
        model = trained(arrays, rank)
    net = joined(arrays)
    found, wanted = (m.shared.weight.grad.array for m in (model.module, net))
    if np.allclose(found, wanted, rtol=1e-9, atol=1e-14):
        buffers = zip(model.module.buffers(), net.buffers(), strict=True)
        same = all(np.allclose(a.array, b.array, rtol=1e-9) for a, b in buffers)
        return "" if same else "stale buffer"
    reached = [None] * size
    dist.all_gather_object(reached, found)
    if any((other != reached[0]).any() for other in reached):
        return "missing reduction"
    if sum(calls) > len(model.reducer.timeline):
        return "reduced twice"
    ratio = float((found * wanted).sum() / (wanted * wanted).sum())
    return f"divided by {size / ratio:.3g}, not {size}"


def check_planted_faults_are_caught_by_name(rank, size):
    arrays = batch(size)
    assert caught(arrays, rank, size) == ""
    same = [np.concatenate([a[:LOCAL]] * size) for a in arrays]
    assert caught(same, rank, size) == "the same data on several ranks"

    start, fill, forward = MPIBackend.start_all_reduce, Reducer._fill, nn.SyncBatchNorm.forward
    gradients_backend = current("").mpi

    def reduced_twice(self, buffer, op):
        work = start(self, buffer, op)
        while self is gradients_backend and not work.test():
            pass
        return start(self, buffer, op) if self is gradients_backend else work

    def not_reduced(self, buffer, op):
        return start(self, buffer.copy() if self is gradients_backend else buffer, op)

    def undivided(self, i, parameter):
        self.factor = 1.0
        fill(self, i, parameter)

    def stale(self, x):
        before = self.running_mean.array.copy()
        y = forward(self, x)
        self.running_mean.array[...] = before
        return y

    for place, name, fault, wanted in (
        (MPIBackend, "start_all_reduce", reduced_twice, "reduced twice"),
        (MPIBackend, "start_all_reduce", not_reduced, "missing reduction"),
        (Reducer, "_fill", undivided, f"divided by 1, not {size}"),
        (nn.SyncBatchNorm, "forward", stale, "stale buffer"),
    ):
        with mock.patch.object(place, name, fault):
            assert caught(arrays, rank, size) == wanted
