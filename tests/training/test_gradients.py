"""A step of several batches is a step of one batch of all their samples."""

import itertools
from functools import partial

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.nn import functional as F
from minitorch_cnn.optim.lr_scheduler import StepLR
from minitorch_cnn.training import fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 4)).astype("f4")
LABELS = RNG.integers(0, 3, 11)
IGNORED = np.where(np.arange(11) % 4 == 1, -100, LABELS)
IGNORED[:2] = -100  # the first batch has no label at all


def weights(of, accumulate, target=LABELS, epochs=2, optimizer=None, **settings):
    mt.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), 0.5, momentum=0.9)
    loader = DataLoader(TensorDataset(X, target), of)
    settings = {"progress": "none", "epochs": epochs, **settings}
    history = fit(model, loader, optimizer=optimizer, accumulate=accumulate, **settings)
    return model.weight.array, history


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"target": IGNORED},
        {"clip_norm": 0.1},
        {"loss": nn.CrossEntropyLoss(weight=mt.tensor([1.0, 4.0, 0.2]))},
        {"loss": nn.CrossEntropyLoss(reduction="sum")},
        {"loss": partial(F.cross_entropy, reduction="sum")},
        {"loss": F.mse_loss, "target": RNG.normal(size=(11, 3)).astype("f4")},
    ],
)
@pytest.mark.parametrize("of, k", [(2, 2), (1, 4), (2, 4), (3, 100)])
def test_gradients_of_several_batches_are_those_of_one(settings, of, k):
    several, history = weights(of, k, **settings)
    one, expected = weights(min(of * k, 11), 1, **settings)
    np.testing.assert_allclose(several, one, rtol=2e-5, atol=1e-6)
    assert [row["step"] for row in history] == [row["step"] for row in expected]
    if "reduction" not in str(settings):
        assert history[0]["train_loss"] >= 0


def test_a_run_that_is_stopped_between_two_steps_goes_on_with_the_same_bits(tmp_path):
    kept = {"checkpoint": tmp_path / "state", "checkpoint_every": 1, "epochs": 3}
    whole, expected = weights(2, 2, epochs=3)
    for stop in (3, 5, 6, 11):
        calls = itertools.count()

        def interrupted(y, t, calls=calls, stop=stop):
            if next(calls) == stop:
                raise KeyboardInterrupt
            return F.cross_entropy(y, t)

        (tmp_path / "state").unlink(missing_ok=True)
        with pytest.raises(KeyboardInterrupt):
            weights(2, 2, loss=interrupted, **kept)
        again, history = weights(2, 2, resume=True, **kept)
        assert again.tobytes() == whole.tobytes()
        assert [row["train_loss"] for row in history] == [row["train_loss"] for row in expected]


def test_schedules_averages_and_steps_count_steps_of_the_optimizer():
    mt.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), 1.0)
    loader = DataLoader(TensorDataset(X, LABELS), 2)
    settings = {"scheduler": StepLR(optimizer, 1, 0.5), "scheduler_every": "step"}
    settings |= {"optimizer": optimizer, "accumulate": 4, "progress": "none"}
    history = fit(model, loader, epochs=2, **settings)
    assert [(row["step"], row["lr"]) for row in history] == [(2, 0.5), (4, 0.125)]


def test_gradients_that_the_optimizer_does_not_hold_do_not_add_up():
    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    optimizer = optim.SGD(model[1].parameters(), 0.0)
    loader = DataLoader(TensorDataset(X, LABELS), 11)
    fit(model, loader, epochs=3, optimizer=optimizer, clip_norm=1e9, progress="none")
    after = model[0].weight.grad.array.copy()
    fit(model, loader, epochs=1, optimizer=optimizer, progress="none")
    np.testing.assert_allclose(after, model[0].weight.grad.array, rtol=1e-6)


def test_accumulate_must_be_at_least_one():
    with pytest.raises(ValueError, match=r"^fit: accumulate=0 must be at least 1"):
        weights(2, 0)
