"""fit on a device: the same numbers as on the CPU, read every few steps."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.kernels.cuda.array import EmulatorArray
from minitorch_cnn.training import NonFiniteError, fit
from minitorch_cnn.training import device_tally as module
from tests.places import KERNEL_DEVICES

pytestmark = pytest.mark.parametrize("device", KERNEL_DEVICES)


def batches(count=5, ignored=True, seed=0):
    """Batches of different sizes, some of whose labels do not count."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        n = 4 + i % 3
        x = rng.standard_normal((n, 6)).astype(np.float32)
        target = rng.integers(0, 3, n)
        if ignored:
            target[:1] = -100
        found.append((mt.tensor(x), mt.tensor(target)))
    return found


def images(count=7, sizes=(4, 4, 4, 2), seed=0):
    """Batches of images, now and then a smaller one."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        n = sizes[i % len(sizes)]
        x = rng.standard_normal((n, 6)).astype(np.float32)
        found.append((mt.tensor(x), mt.tensor(rng.integers(0, 3, n))))
    return found


def net():
    mt.manual_seed(0)
    # No bias before batch norm: its gradient is rounding, which Adam and LARS enlarge.
    return nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def run(device, make=None, data=None, **settings):
    model = net().to(device)
    make = make or (lambda ps: mt.optim.SGD(ps, lr=0.1, momentum=0.9))
    optimizer = make(model.parameters())
    settings = {"epochs": 2, "progress": "none"} | settings
    history = fit(model, data or batches(), optimizer=optimizer, **settings)
    weights = [t.cpu().numpy() for t in model.state_dict().values()]
    return history, weights


def same(device, **settings):
    here, there = run("cpu", **settings), run(device, **settings)
    for ours, theirs in zip(here[0], there[0], strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours.keys() - {"seconds", "images_per_s"}:
            assert ours[key] == pytest.approx(theirs[key], rel=1e-5), key
    for ours, theirs in zip(here[1], there[1], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr("minitorch_cnn.training.loop.STEPS", 2)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=mt.tensor([1.0, 0.5, 2.0]), label_smoothing=0.1),
        nn.CrossEntropyLoss(reduction="sum"),
        lambda y, t: nn.functional.mse_loss(y, nn.functional.one_hot(t.clamp(0), 3).float()),
    ],
    ids=["mean", "weighted", "sum", "squares"],
)
def test_a_run_on_a_device_has_the_history_and_the_weights_of_the_cpu(device, loss):
    def on(place):
        return loss.to(place) if isinstance(loss, nn.Module) else loss

    here = run("cpu", loss=on("cpu"))
    there = run(device, loss=on(device))
    on("cpu")
    for ours, theirs in zip(here[0], there[0], strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=1e-5)
        assert ours.get("train_top1") == theirs.get("train_top1")
    for ours, theirs in zip(here[1], there[1], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"test": batches(2, ignored=False, seed=1)},
        {"accumulate": 2},
        {"clip_norm": 0.1},
        {"metrics": {"top": lambda y, t: y.max(), "rows": lambda y, t: len(y)}},
        {"average": 0.9},
        {"make": lambda ps: mt.optim.Adagrad(ps, lr=0.1)},
        {"make": lambda ps: mt.optim.AdamW(ps, lr=0.01)},
        {"make": lambda ps: mt.optim.LARS(ps, lr=0.1)},
    ],
    ids=["test", "accumulate", "clip_norm", "metrics", "average", "Adagrad", "AdamW", "LARS"],
)
def test_whatever_the_settings_the_run_is_that_of_the_cpu(device, settings):
    same(device, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clip_norm": 0.1},
        {"accumulate": 2},
        {"metrics": {"top": lambda y, t: y.max()}},
        {"loss": lambda y, t: nn.functional.nll_loss(y.log_softmax(1), t)},
        {"loss": lambda y, t: nn.functional.cross_entropy(y, t, reduction="none").mean()},
        {"loss": nn.CrossEntropyLoss(reduction="sum")},
        {"graphed": True},
    ],
    ids=["plain", "clip_norm", "accumulate", "metrics", "nll_loss", "none", "sum", "graphed"],
)
def test_the_host_reads_once_in_so_many_steps(device, monkeypatch, settings):
    if device != "emulator":
        pytest.skip("reading is counted on the emulator")
    reads = []
    original = EmulatorArray.get
    monkeypatch.setattr(
        EmulatorArray, "get", lambda self: reads.append(self.shape) or original(self)
    )
    for name in ("__bool__", "__int__", "__float__", "__index__", "item", "tolist", "nonzero"):
        plain = getattr(EmulatorArray, name)
        read = lambda self, *a, n=name, f=plain: reads.append(n) or f(self, *a)  # noqa: E731
        monkeypatch.setattr(EmulatorArray, name, read)
    data = [tuple(t.to(device) for t in batch) for batch in batches(6)]
    model = net().to(device)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    reads.clear()
    fit(model, data, epochs=1, optimizer=optimizer, progress="none", **settings)
    assert reads == [(40 + 8 * ("metrics" in settings),)] * 3


@pytest.mark.parametrize("graphed", [False, True])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_number_that_is_not_finite_is_told_by_its_step_and_place_and_stops_the_steps(
    device, at, graphed
):
    data = batches(5) if not graphed else images(6, sizes=(5,))
    data[at][0].array[0, 0] = np.inf
    messages, weights = [], []
    for place in ("cpu", device):
        model = net().to(place)
        optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        with pytest.raises(NonFiniteError) as error:
            settings = {"graphed": graphed and place != "cpu", "progress": "none"}
            fit(model, data, epochs=1, optimizer=optimizer, **settings)
        messages.append(str(error.value))
        weights.append([p.detach().cpu().numpy() for p in model.parameters()])
    assert messages[0] == messages[1]
    assert f"step {at + 1} " in messages[0] and "the batch itself" in messages[0]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


def test_a_label_that_is_no_class_stops_a_run(device):
    data = batches(3)
    data[1][1].array[2] = 7
    model = net().to(device)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(NonFiniteError, match=r"^fit: step 2 .* first in the loss"):
        fit(model, data, epochs=1, optimizer=optimizer, progress="none")


def test_a_batch_of_labels_none_of_which_counts_is_harmless(device):
    data = batches(3)
    data[1][1].array[...] = -100
    here, there = run("cpu", data=data), run(device, data=data)
    assert here[0][-1]["train_loss"] == pytest.approx(there[0][-1]["train_loss"], rel=1e-5)


def test_a_checkpoint_within_an_epoch_holds_the_sums_so_far(device, tmp_path):
    x, target = (mt.cat(parts) for parts in zip(*batches(4), strict=True))
    states = []
    for place in ("cpu", device):
        data = mt.data.DataLoader(mt.data.TensorDataset(x, target), batch_size=4)
        path = tmp_path / f"{place}.ckpt"
        run(place, data=data, epochs=1, checkpoint=path, checkpoint_every=3)
        states.append(mt.training.checkpoint.load_checkpoint(path))
    here, there = states
    assert here["history"][0]["train_loss"] == pytest.approx(
        there["history"][0]["train_loss"], rel=1e-5
    )


# ----------------------------------------------------------------------------------- as a graph


GRAPHED = {
    "SGD": {},
    "Adam": {"make": lambda ps: mt.optim.Adam(ps, lr=0.01)},
    "clip_norm": {"clip_norm": 0.1},
    "average, test": {"average": 0.9, "test": images(2, seed=1), "patience": 3},
    "metrics": {"metrics": {"top": lambda y, t: y.max(), "low": lambda y, t: y.min()}},
}


@pytest.mark.parametrize("name", GRAPHED)
def test_a_graphed_run_is_the_run_without_a_graph(device, name):
    settings = {"data": images(), "epochs": 3} | GRAPHED[name]
    eager, replayed = (run(device, graphed=graphed, **settings) for graphed in (False, True))
    for ours, theirs in zip(eager[0], replayed[0], strict=True):
        assert {**ours, "seconds": 0, "images_per_s": 0} == pytest.approx(
            {**theirs, "seconds": 0, "images_per_s": 0}, rel=0 if device == "emulator" else 1e-5
        )
    for ours, theirs in zip(eager[1], replayed[1], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0 if device == "emulator" else 1e-4)


def test_a_graphed_run_resumes_from_its_checkpoint_as_if_it_had_not_stopped(device, tmp_path):
    settings = {"data": images(), "epochs": 3, "graphed": True}
    settings["make"] = lambda ps: mt.optim.Adam(ps, lr=0.01)
    whole = run(device, **settings)
    path = tmp_path / "c.safetensors"
    run(device, **settings | {"epochs": 2}, checkpoint=path)
    resumed = run(device, **settings, checkpoint=path, resume=True)
    without = run(device, **settings | {"graphed": False}, checkpoint=path, resume=True)
    assert resumed[0][-1]["train_loss"] == pytest.approx(whole[0][-1]["train_loss"], rel=1e-6)
    for ours, theirs, others in zip(whole[1], resumed[1], without[1], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6)
        np.testing.assert_allclose(others, ours, rtol=1e-6)


def test_graphs_are_refused_where_a_step_cannot_be_one(device):
    adagrad = {"make": lambda ps: mt.optim.Adagrad(ps, lr=0.1)}
    for settings, rule in (({"accumulate": 2}, "accumulate=1"), (adagrad, "an optimizer that")):
        with pytest.raises(ValueError, match=rf"^fit: graphed=True needs {rule}"):
            run(device, graphed=True, **settings)
    with pytest.raises(ValueError, match=r"^fit: graphed=True needs a model on a GPU .* not on cp"):
        run("cpu", graphed=True)
    count = {"rows": lambda y, t: len(y)}
    with pytest.raises(RuntimeError, match=r"^graphed: metrics\['rows'\], which gives a number of"):
        run(device, graphed=True, metrics=count, data=images(sizes=(4,)), epochs=3)
