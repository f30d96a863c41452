"""Batches may come from any iterable, and other objects are refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader, TensorDataset
from minitorch_cnn.training import evaluate, fit, predict

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(6, 4)).astype("f4"), RNG.integers(0, 3, 6)


class Two(nn.Module):
    """A net of two inputs."""

    def __init__(self):
        super().__init__()
        mt.manual_seed(0)
        self.fc = nn.Linear(8, 3)

    def forward(self, left, right):
        return self.fc(mt.cat([left, right], 1))


def train(batches, model=None, **settings):
    model = model or Two()
    optimizer = optim.SGD(model.parameters(), 0.1)
    settings = {"epochs": 2, "progress": "none", **settings}
    return fit(model, batches, batches, optimizer=optimizer, **settings)


class Own:
    """An iterable with a length."""

    def __init__(self, *batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


@pytest.mark.parametrize("kind", [list, tuple, lambda batches: Own(*batches)])
def test_lists_tuples_and_iterables_give_what_a_loader_gives(kind, tmp_path):
    loader = DataLoader(TensorDataset(X, LABELS), 4)
    batches = kind([(X[:4], LABELS[:4]), [mt.tensor(X[4:]), mt.tensor(LABELS[4:])]])
    names = ("epoch", "step", "train_loss", "train_top1", "test_loss", "test_top1")
    rows = []
    for data in (loader, batches):
        mt.manual_seed(0)
        history = train(data, nn.Linear(4, 3), checkpoint=tmp_path / str(len(rows)))
        rows.append([[row[name] for name in names] for row in history])
    assert rows[0] == rows[1]


@pytest.mark.parametrize("kind", [tuple, list, lambda x: {"right": x[1], "left": x[0]}])
def test_a_net_of_several_inputs_gets_the_parts_of_x(kind):
    batches = [(kind([mt.tensor(X), mt.tensor(X)]), mt.tensor(LABELS))]
    history, model = train(batches), Two()
    z = np.concatenate([X, X], 1).astype("f8") @ model.fc.weight.array.T + model.fc.bias.array
    expected = (np.log(np.exp(z).sum(1)) - z[np.arange(6), LABELS]).mean()
    assert evaluate(model, batches).loss == pytest.approx(expected, rel=1e-5)
    assert history[0]["train_loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(predict(model, batches).logits, z, rtol=1e-4, atol=1e-5)


def test_a_run_on_an_iterable_goes_on_between_epochs(tmp_path):
    batches, kept = [(X[:4], LABELS[:4]), (X[4:], LABELS[4:])], {"checkpoint": tmp_path / "state"}
    models = [nn.Linear(4, 3) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    train(batches, models[0], epochs=4)
    train(batches, models[1], epochs=1, **kept)
    train(batches, models[1], epochs=4, resume=True, **kept)
    assert models[0].weight.array.tobytes() == models[1].weight.array.tobytes()
    with pytest.raises(ValueError, match=r"^fit: checkpoint_every=1 needs a DataLoader"):
        train(batches, nn.Linear(4, 3), checkpoint_every=1, **kept)


@pytest.mark.parametrize(
    "batch", [(X, LABELS, LABELS), (X,), {"x": X, "y": LABELS}, mt.tensor(X[:2])]
)
def test_a_batch_that_is_no_pair_is_refused_by_name(batch):
    for name, function in (("fit", train), ("evaluate", lambda b: evaluate(Two(), b))):
        with pytest.raises(ValueError, match=f"^{name}: a batch must be a pair"):
            function([batch])


@pytest.mark.parametrize(
    "batches, error, message",
    [
        (iter([]), TypeError, "train must have a length"),
        (3, TypeError, "train must be a DataLoader, got int"),
        ([], ValueError, "train has no batch"),
        ([("a", LABELS)], ValueError, "x of a batch must be a Tensor"),
    ],
)
def test_what_is_no_iterable_of_batches_is_refused(batches, error, message):
    with pytest.raises(error, match=f"^fit: {message}"):
        train(batches)


def test_an_iterator_that_is_at_its_end_is_refused():
    class Once(Own):
        def __init__(self):
            self.left = iter([(X, LABELS)])

        def __iter__(self):
            return self.left

        def __len__(self):
            return 1

    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=r"^fit: train gives no batch in epoch 2"):
        fit(model, Once(), epochs=2, optimizer=optimizer, progress="none")


@pytest.mark.parametrize("progress", ["bar", "plain"])
def test_progress_is_shown_of_batches_whose_samples_nobody_knows(progress, capsys):
    train([(X, X[:, :2])], nn.Linear(4, 2), loss=nn.MSELoss(), progress=progress)
    out, _ = capsys.readouterr()
    assert out.count("test loss") == 2 and "top" not in out
