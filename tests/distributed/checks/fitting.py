"""fit on several ranks against fit in one process, with dropout and augmentation."""

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import distributed as dist
from minitorch_cnn import nn
from minitorch_cnn.data import DataLoader, Dataset, sample_generator
from minitorch_cnn.nn import functional as F
from minitorch_cnn.training import NonFiniteError, fit

SAMPLES = 23  # batches of 6, the last one of 5: fewer than some ranks' share, and uneven


class Noisy(Dataset):
    """Images with noise drawn as they are loaded."""

    def __init__(self, seed, dtype="float64"):
        self.dtype = dtype
        rng = np.random.default_rng(seed)
        self.images, self.labels = rng.random((SAMPLES, 1, 6, 6)), rng.integers(0, 3, SAMPLES)
        self.loaded = 0

    def __len__(self):
        return SAMPLES

    def __getitem__(self, i):
        self.loaded += 1
        noise = 0.1 * sample_generator().standard_normal((1, 6, 6))
        return (self.images[i] + noise).astype(self.dtype), self.labels[i]


def net(norm=nn.SyncBatchNorm):
    mt.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(), nn.Dropout2d(0.3), nn.Flatten(),
        nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3),
    ).double()  # fmt: skip


def run(model, seed=0, epochs=2, batch=6, **settings):
    mt.manual_seed(seed)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = mt.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    dtype = next(model.parameters()).dtype
    data = Noisy(0, dtype)
    history = fit(
        model, settings.pop("train", None) or DataLoader(data, batch, shuffle=True),
        settings.pop("test", None) or DataLoader(Noisy(1, dtype), 10), epochs=epochs,
        optimizer=optimizer, scheduler=schedule, progress="none",
        metrics={"mean": lambda y, t: y.numpy().mean()}, **settings,
    )  # fmt: skip
    return model, history, data


def alone(function):
    """Call a function as the only process."""
    with mock.patch("minitorch_cnn.training.fit.current_or_none", lambda: None):
        return function()


def compare(found, wanted, near=1e-10):
    for (name, a), b in zip(found[0].state_dict().items(), wanted[0].state_dict().values(),
                            strict=True):  # fmt: skip
        np.testing.assert_allclose(a.array, b.array, rtol=0, atol=near, err_msg=name)
    for mine, theirs in zip(found[1], wanted[1], strict=True):
        assert mine.keys() == theirs.keys()
        for name in mine.keys() - {"seconds", "images_per_s"}:
            assert abs(mine[name] - theirs[name]) < near, name


def check_a_run_is_that_of_one_process(rank, size):
    found = run(net())
    compare(found, alone(lambda: run(net(nn.BatchNorm2d))))
    assert found[2].loaded <= 2 * (SAMPLES // size + 5)  # each rank loads its rows only


def check_the_same_run_has_the_same_bits_on_all_ranks(rank, size):
    first, second = run(net())[0].state_dict(), run(net())[0].state_dict()
    weights = [None] * size
    dist.all_gather_object(weights, {name: t.array for name, t in first.items()})
    for name, t in second.items():
        assert all((w[name] == t.array).all() for w in weights), name


def check_float32_differs_by_rounding_only(rank, size):
    found, wanted = run(net().float()), alone(lambda: run(net(nn.BatchNorm2d).float()))
    compare(found, wanted, near=2e-3)


def check_batches_with_fewer_rows_than_ranks(rank, size):
    found = run(net(), batch=2, epochs=1)
    compare(found, alone(lambda: run(net(nn.BatchNorm2d), batch=2, epochs=1)))
    plain = run(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double(), batch=1, epochs=1)
    assert plain[1][-1]["step"] == SAMPLES


def check_accumulated_batches_clipping_averages_and_sums(rank, size):
    for settings in (
        {"accumulate": 2}, {"clip_norm": 0.1}, {"average": 0.9, "patience": 2},
        {"accumulate": 3, "loss": nn.CrossEntropyLoss(reduction="sum")},
        {"loss": nn.CrossEntropyLoss(ignore_index=0, weight=mt.tensor([1.0, 2.0, 0.5]).double())},
        {"loss": lambda y, t: F.mse_loss(y, F.one_hot(t, 3).double())},
    ):  # fmt: skip
        found = run(net(), **settings)
        compare(found, alone(lambda s=settings: run(net(nn.BatchNorm2d), **s)))


def check_batches_from_a_list_are_divided_too(rank, size):
    rng = np.random.default_rng(4)
    batches = [(rng.random((n, 1, 6, 6)), rng.integers(0, 3, n)) for n in (7, 4)]
    found = run(net(), train=batches, test=batches)
    compare(found, alone(lambda: run(net(nn.BatchNorm2d), train=batches, test=batches)))


def check_rank_0_writes_and_any_number_resumes(rank, size):
    place = [tempfile.mkdtemp() if rank == 0 else None]
    dist.broadcast_object_list(place)
    path = Path(place[0]) / f"checkpoint-{rank}"  # only rank 0's is written
    whole = run(net(), epochs=3)

    class Stop(Exception):
        pass

    calls = []

    def stop(history):
        calls.append(rank)
        return len(history) == 1

    run(net(), epochs=3, checkpoint=path, checkpoint_every=2, on_epoch=stop)
    assert calls == ([0] if rank == 0 else [])
    assert path.exists() == (rank == 0)
    state = mt.training.checkpoint.load_checkpoint(Path(place[0]) / "checkpoint-0")
    assert state["step"] == 4 and state["seen"] == 0
    resumed = run(net(), seed=5, epochs=3, checkpoint=path, resume=True)
    compare(resumed, whole)
    one = alone(lambda: run(net(nn.BatchNorm2d), seed=6, epochs=3,
                            checkpoint=Path(place[0]) / "checkpoint-0", resume=True))  # fmt: skip
    compare(one, whole)


def check_a_loss_that_is_not_finite_names_the_rank(rank, size):
    data = Noisy(0)
    data.images[:] = np.where(np.arange(SAMPLES)[:, None, None, None] == 22, np.nan, data.images)
    with pytest.raises(NonFiniteError, match=rf"step 4 .*the batch of rank {min(size, 5) - 1}; no"):
        run(net(), train=DataLoader(data, 6), epochs=1)
    with pytest.raises(NonFiniteError, match=rf"the batch itself of rank {min(size, 5) - 1}; no"):
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)).double()
        run(model, train=DataLoader(data, 6), epochs=1)


def check_different_draws_and_wrapped_models_are_refused(rank, size):
    class Wild(nn.Module):
        def forward(self, x):
            return x + mt.rand(3, len(x)).sum().double() * 0

    if SAMPLES % size:
        with pytest.raises(RuntimeError, match=r"^fit: in step \d the ranks drew different random"):
            run(nn.Sequential(nn.Flatten(), nn.Linear(36, 3), Wild()).double(), batch=5)
    with pytest.raises(ValueError, match=r"^fit: pass the model itself"):
        run(nn.parallel.DistributedDataParallel(net()))
